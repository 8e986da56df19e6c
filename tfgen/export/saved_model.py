"""SavedModels for TF Serving: a model's endpoints, for batches of any size."""

import contextlib
import pathlib

import tensorflow as tf
from absl import logging

from tfgen import gradient
from tfgen.errors import UserError
from tfgen.export.atomic import told_as_of_files, written_beside
from tfgen.images import asserted, check_labels

PNG_CHANNELS = 4  # at most


def export(model, directory, version=1):
    """Write `directory/<version>/`, a SavedModel; see `save`. Return its path.

    Raises `UserError` if the version exists.
    """
    path = free_version(directory, version)
    write(model, path)
    return path


def write(model, path):
    """Write a SavedModel to a new folder `path`; see `save`. Raises `UserError` if it is there."""
    if pathlib.Path(path).exists():
        raise UserError(f"{path} exists; choose a folder that does not.")
    with written_beside(path, replace=False) as beside:
        save(model, beside)


def free_version(directory, version):
    """Return `directory/<version>`; raises `UserError` if it exists."""
    path = pathlib.Path(directory) / str(version)
    if path.exists():
        taken = [int(other.name) for other in path.parent.iterdir() if other.name.isdigit()]
        raise UserError(
            f"{path} exists, and a served version is never overwritten; the next one is "
            f"--version {max(taken) + 1}."
        )
    return path


def save(model, path):
    """Write a SavedModel to `path`, with each of `model.endpoints()` and `sample_png`, a signature.

    It holds the weights that they read, and no others, and no gradients written by hand.

    `serving_default` is `sample`; `sample_png` returns the same images as PNG files, `image_bytes`,
    which REST carries as base64. Rows depend on the same row of the inputs alone, so a server may
    batch requests.

    Returns name -> (inputs, outputs), each name -> TensorSpec.
    """
    endpoints = model.endpoints()
    with gradient.left_out():
        signatures = {
            name: _traced(_checked(function, model), specs)
            for name, (function, specs) in endpoints.items()
        }
    sample = signatures["sample"]
    if model.image_shape[-1] <= PNG_CHANNELS:

        def sample_png(*inputs):
            return {"image_bytes": tf.io.encode_png(sample(*inputs)["images"])}

        signatures["sample_png"] = _traced(sample_png, endpoints["sample"][1])
    served = tf.Module()
    served.weights = _used(signatures.values(), model)
    with _silent(), told_as_of_files():
        tf.saved_model.save(served, str(path), {**signatures, "serving_default": sample})
    return {name: _specs(function) for name, function in signatures.items()}


def _traced(function, specs):
    return tf.function(function, input_signature=specs, autograph=False).get_concrete_function()


def _used(functions, model):
    """Return the TensorFlow variables that the functions read: no discriminator serves anybody.

    Keras's own would each be stored a second time beside its TensorFlow variable.
    """
    captured = {id(tensor) for function in functions for tensor in function.captured_inputs}
    variables = (variable.value for variable in model.variables)
    return [variable for variable in variables if id(variable.handle) in captured]


def _specs(function):
    inputs, _ = function.structured_input_signature
    outputs = function.structured_outputs.items()
    return (
        {spec.name: spec for spec in inputs},
        {name: tf.TensorSpec(output.shape, output.dtype) for name, output in outputs},
    )


def _checked(function, model):
    """Return an endpoint whose rows are counted and whose labels, its last input, are checked."""

    def checked(*inputs):
        rows = [tf.shape(x)[0] for x in inputs]
        as_many = tf.reduce_all(tf.equal(rows, rows[0]))
        names = ", ".join(x.op.name for x in inputs)
        inputs = [asserted(x, as_many, f"{names} must have as many rows each.") for x in inputs]
        if model.num_classes:
            inputs[-1] = check_labels(inputs[-1], model.num_classes, rows[0])
        return function(*inputs)

    return checked


@contextlib.contextmanager
def _silent():
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)
