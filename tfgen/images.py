"""The one place where uint8 images become network input or discrete levels, and back.

An image batch is uint8 [batch, height, width, channels] at every public boundary. Networks see
float32 in [-1, 1]; discrete likelihoods see the integer levels 0..levels-1 of an even grid on
0..255:

    level      0      1      2   ...  levels-1
    pixel      0   round(k * 255 / (levels-1))   255
"""

import contextlib
import numbers
import re
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, check_counts

MARK = "tfgen"  # before the sentence of an assertion that is ours


def grid(levels):
    """Return the uint8 pixel values [levels] of the levels 0..levels-1."""
    check_counts(minimum=2, maximum=256, levels=levels)
    return np.round(np.arange(levels) * (255 / (levels - 1))).astype(np.uint8)


def quantize(images, levels):
    """Move every pixel of uint8 `images` (numpy, any shape) to the nearest value of the grid."""
    nearest = np.round(np.arange(256) * ((levels - 1) / 255)).astype(np.int32)
    return grid(levels)[nearest][images]


def to_unit(images):
    """Map uint8 images to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) * (2 / 255) - 1


def from_unit(values):
    """Map float values in [-1, 1] to the nearest uint8 pixel; those beyond the ends are clipped."""
    pixels = tf.round((tf.cast(values, tf.float32) + 1) * 127.5)
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def to_levels(images, levels):
    """Map uint8 images on the grid to int32 levels, losslessly.

    Raises `UserError` (eagerly) or `InvalidArgumentError` (in a graph) for a pixel off the grid.
    Under XLA, which drops assertions, nothing is checked.
    """
    images = tf.convert_to_tensor(images)
    found = _nearest_level(images, levels)
    if levels == 256:
        return found
    on_grid = tf.reduce_all(tf.equal(from_levels(found, levels), images))
    sentence = (
        f"the images hold pixel values off the model's grid of {levels} levels "
        f"({_describe(levels)}); quantize them first with tfgen.images.quantize."
    )
    if tf.executing_eagerly():
        if not on_grid:
            raise UserError(sentence)
        return found
    return asserted(found, on_grid, sentence)


def from_levels(values, levels):
    """Map integer levels 0..levels-1 (any shape) to uint8 pixels."""
    return tf.gather(tf.constant(grid(levels)), tf.cast(values, tf.int32))


def levels_to_unit(values, levels):
    """Map integer levels to float32 in [-1, 1], exactly as `to_unit(from_levels(values))` does."""
    return to_unit(from_levels(values, levels))


def grid_to_unit(images, levels):
    """As `to_unit`, after the check of `to_levels`, which no graph can do without."""
    return levels_to_unit(to_levels(images, levels), levels)


def check_image_shape(image_shape):
    """Return `image_shape`, three integers of at least 1, as a tuple after checking that it is."""
    sizes = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    whole = all(isinstance(size, numbers.Integral) and size >= 1 for size in sizes)
    if len(sizes) != 3 or not whole:
        raise UserError(
            f"image_shape must be three integers, (height, width, channels), but is {image_shape}."
        )
    return tuple(int(size) for size in sizes)


def check_images(images, image_shape):
    """Return `images` as a tensor after checking that it is uint8 [batch, *image_shape]."""
    expected = f"uint8 of shape [batch, {', '.join(map(str, image_shape))}]"
    dtype = getattr(images, "dtype", None)
    shape = getattr(images, "shape", None)
    if dtype is None or shape is None:
        try:
            images = np.asarray(images)
        except ValueError:
            raise UserError(f"images must be {expected}, but are no array.") from None
        dtype, shape = images.dtype, images.shape
    if tf.as_dtype(dtype) != tf.uint8:
        raise UserError(f"images must be {expected}, but their dtype is {tf.as_dtype(dtype).name}.")
    if len(shape) != 4 or tuple(shape[1:]) != tuple(image_shape):
        raise UserError(f"images must be {expected}, but their shape is {list(shape)}.")
    return tf.convert_to_tensor(images)


def check_labels(labels, num_classes, batch_size):
    """Return `labels` as int32 [batch] for a conditional model, None for an unconditional one.

    A single integer stands for the whole batch. Raises `UserError` when a conditional model gets
    no label, an unconditional one gets any, or a label is not an integer in 0..num_classes-1; in a
    graph, where labels are known only later, `InvalidArgumentError`, which XLA drops.
    """
    if not num_classes:
        if labels is not None:
            raise UserError("this model is unconditional; leave out the labels.")
        return None
    if labels is None:
        raise UserError(f"this model is conditional; give labels in 0..{num_classes - 1}.")
    if not tf.is_tensor(labels):
        labels = np.asarray(labels)
    if not tf.as_dtype(labels.dtype).is_integer:
        kind = tf.as_dtype(labels.dtype).name
        raise UserError(f"labels must be integers in 0..{num_classes - 1}, but are {kind}.")
    if len(labels.shape) == 0:
        labels = tf.fill([batch_size], labels)
    if len(labels.shape) != 1:
        raise UserError(f"labels must have shape [batch], but have {list(labels.shape)}.")
    if isinstance(batch_size, int) and labels.shape[0] not in (None, batch_size):
        raise UserError(f"{labels.shape[0]} labels were given for {batch_size} images.")
    if isinstance(labels, np.ndarray) or tf.executing_eagerly():
        values = np.asarray(labels)
        if values.size and not (values.min() >= 0 and values.max() < num_classes):
            wrong = values[(values < 0) | (values >= num_classes)][0]
            raise UserError(f"label {wrong} is not one of the classes 0..{num_classes - 1}.")
        return tf.cast(labels, tf.int32)
    wide = tf.cast(labels, tf.int64)
    known = tf.reduce_all((wide >= 0) & (wide < num_classes))
    sentence = f"a label is not one of the classes 0..{num_classes - 1}."
    return asserted(tf.cast(labels, tf.int32), known, sentence)


@contextlib.contextmanager
def graph_mistakes_told():
    """Raise the `UserError` for a check of this module that failed in a graph run inside."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"\[{re.escape(MARK)}\] \[(.*?)\]", str(error))
        if found is None:
            raise
        raise UserError(found[1].replace("\\'", "'")) from None  # TensorFlow escapes quotes


def asserted(value, holds, sentence):
    """Return `value` in a graph that fails with `sentence` unless the scalar `holds` is true."""
    with tf.control_dependencies([tf.debugging.Assert(holds, [MARK, sentence])]):
        return tf.identity(value)


def _nearest_level(images, levels):
    # Exact in float32 for every pixel and number of levels, and faster than a look-up.
    return tf.cast(tf.round(tf.cast(images, tf.float32) * ((levels - 1) / 255)), tf.int32)


def _describe(levels):
    values = grid(levels)
    if levels <= 4:
        return ", ".join(map(str, values))
    return f"{values[0]}, {values[1]}, {values[2]}, ... {values[-1]}"
