"""SavedModels for TF Serving: a model's endpoints, for batches of any size."""

import contextlib
import io
import pathlib

import keras
from absl import logging

from tfgen import zoo
from tfgen.errors import UserError
from tfgen.export.atomic import written_beside


def export(model, directory, version=1):
    """Write `directory/<version>/`, a SavedModel with each of `model.endpoints()` as a signature.

    `serving_default` is `sample`. Raises `UserError` if the version exists.
    """
    path = pathlib.Path(directory) / str(version)
    if path.exists():
        raise UserError(f"{path} exists; a served version is never overwritten.")
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.endpoints().items():
        archive.add_endpoint(name, function, input_signature=signature)
    sample, signature = model.endpoints()["sample"]
    archive.add_endpoint("serving_default", sample, input_signature=signature)
    with written_beside(path) as beside, contextlib.redirect_stdout(io.StringIO()):
        logging.set_verbosity(logging.WARNING)
        try:
            archive.write_out(str(beside), verbose=False)
        finally:
            logging.set_verbosity(logging.INFO)
    return path


def export_entry(entry, out):
    """Export an entry of the zoo as the next version below `out/<entry>/`; return its folder."""
    model = zoo.load(entry)
    directory = pathlib.Path(out) / zoo.find(entry).name
    if directory.is_file():
        raise UserError(f"{directory} is a file; --out must name a folder.")
    versions = [int(path.name) for path in directory.glob("*") if path.name.isdigit()]
    return export(model, directory, max(versions, default=0) + 1)
