"""Leave standard error to tfgen's own words."""

import contextlib
import importlib
import logging as python_logging
import os
import pathlib
import sys
import warnings

from absl import flags, logging


class _Plain(logging.PythonFormatter):
    def format(self, record):
        return f"tfgen: {record.getMessage()}"


def quiet_logging():
    """Show what tfgen logs, each line as `tfgen: ...`, and nothing that other packages say."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # such as Pillow's of a damaged TIFF, before our sentence
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    flags.FLAGS.mark_as_parsed()  # else absl warns; its own flags are not ours
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    handler = logging.get_absl_handler()
    handler.setFormatter(_Plain())
    handler.addFilter(_from_tfgen)


def load(name):
    """Import and return the module `name`, and TensorFlow with it, without TensorFlow's preamble.

    Its C++ prints that before it reads any setting, straight to the file descriptor.
    """
    with _no_standard_error():
        import tensorflow as tf

        module = importlib.import_module(name)
        if not os.environ.get("TF_CONFIG"):  # several workers meet before devices are up
            tf.config.list_logical_devices()
    return module


def _from_tfgen(record):
    return pathlib.Path(record.pathname).is_relative_to(pathlib.Path(__file__).parents[1]) or (
        record.levelno >= python_logging.ERROR
    )


@contextlib.contextmanager
def _no_standard_error():
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
