"""SavedModels for TF Serving: a model's endpoints, for batches of any size."""

import contextlib
import pathlib

import tensorflow as tf
from absl import logging

from tfgen import zoo
from tfgen.errors import UserError
from tfgen.export.atomic import reason_of, written_beside
from tfgen.images import check_labels


def export(model, directory, version=1):
    """Write `directory/<version>/`, a SavedModel with each of `model.endpoints()` as a signature.

    `serving_default` is `sample`. Raises `UserError` if the version exists.
    """
    path = pathlib.Path(directory) / str(version)
    if path.exists():
        raise UserError(f"{path} exists; a served version is never overwritten.")
    served = tf.Module()
    # The TensorFlow variables themselves: keras.export stores each a second time as Keras's own.
    served.weights = [variable.value for variable in model.variables]
    signatures = {
        name: tf.function(_endpoint(function, model), input_signature=signature, autograph=False)
        for name, (function, signature) in model.endpoints().items()
    }
    signatures = {name: function.get_concrete_function() for name, function in signatures.items()}
    with written_beside(path) as beside, _silent():
        try:
            tf.saved_model.save(
                served, str(beside), {**signatures, "serving_default": signatures["sample"]}
            )
        except tf.errors.OpError as error:
            raise OSError(reason_of(error)) from error
    return path


def export_entry(entry, out):
    """Export an entry as the next version below `out/<entry>/`; return its folder."""
    entry = zoo.find(entry)
    model = zoo.load(entry)
    directory = pathlib.Path(out) / entry.name
    if directory.is_file():
        raise UserError(f"{directory} is a file; --out must name a folder.")
    versions = [int(path.name) for path in directory.glob("*") if path.name.isdigit()]
    return export(model, directory, max(versions, default=0) + 1)


def _endpoint(function, model):
    """Return an endpoint whose labels, the last input of a conditional model, are checked."""
    if not model.num_classes:
        return function

    def checked(*inputs):
        *others, labels = inputs
        labels = check_labels(labels, model.num_classes, tf.shape(labels)[0])
        return function(*others, labels)

    return checked


@contextlib.contextmanager
def _silent():
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)
