"""Walks through codes: straight, along the sphere (White 2016), and along one coordinate.

In many dimensions the codes of N(0, I) lie near a sphere, and the middle of the straight line
between two of them lies well inside it, where the decoder saw few codes. White (2016,
arXiv:1609.04468) goes along the great circle instead. Here the norm goes in a line from that of one
code to that of the other, while the paper's formula, at norms that differ, makes it swell.
"""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, check_counts

SMALLEST_SINE = 1e-3  # of the angle; below, float32 leaves nothing of the direction between


def linear(start, end, t):
    """Return the codes [b, d] at `t` in [0, 1] of the lines from `start` to `end`, float [b, d]."""
    return (1 - t) * start + t * end


def spherical(start, end, t):
    """Return the codes [b, d] at `t` in [0, 1] of the great circles from `start` to `end` [b, d].

    The direction turns at an even pace, and the norm grows in a line. Codes that are parallel,
    opposite (where no great circle is the shortest) or zero are joined by the straight line.
    """
    first, second = _norm(start), _norm(end)
    u, v = tf.math.divide_no_nan(start, first), tf.math.divide_no_nan(end, second)
    # Exact at small angles too, where arccos(u . v) is not.
    angle = 2 * tf.atan2(_norm(u - v), _norm(u + v))
    sine = tf.sin(angle)
    norm = (1 - t) * first + t * second
    arc = norm * (
        tf.math.divide_no_nan(tf.sin((1 - t) * angle), sine) * u
        + tf.math.divide_no_nan(tf.sin(t * angle), sine) * v
    )
    straight = (sine < SMALLEST_SINE) | (first == 0) | (second == 0)
    return tf.where(straight, linear(start, end, t), arc)


PATHS = {"linear": linear, "spherical": spherical}


def code_path(name, start, end, steps):
    """Return `steps` codes from `start` to `end`, float32 [b, steps, d], both ends included.

    Raises `UserError` for a path that is not one of `PATHS`, or fewer than two steps.
    """
    if name not in PATHS:
        raise UserError(f"path must be one of {', '.join(PATHS)}, but is '{name}'.")
    check_counts(minimum=2, steps=steps)  # the two ends
    between = np.linspace(0, 1, steps, dtype=np.float32)[1:-1]
    return tf.stack([start, *(PATHS[name](start, end, t) for t in between), end], axis=1)


def traversal(codes, dimensions, values):
    """Return codes [b, d] with one coordinate changed, float32 [b, n dimensions, n values, d].

    Raises `UserError` for a dimension out of 0..d-1, and unless `dimensions` is a list of integers
    and `values` one of finite numbers.
    """
    codes, dimensions, values = np.asarray(codes), np.asarray(dimensions), np.asarray(values)
    last = codes.shape[1] - 1
    if dimensions.ndim != 1 or not dimensions.size or dimensions.dtype.kind not in "iu":
        raise UserError(f"dimensions must be a list of integers, but are {dimensions.tolist()}.")
    wrong = dimensions[(dimensions < 0) | (dimensions > last)]
    if wrong.size:
        raise UserError(f"dimension {wrong[0]} is not one of the code's, 0..{last}.")
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iuf":
        raise UserError(f"values must be a list of numbers, but are {values.tolist()}.")
    if not np.all(np.isfinite(values)):
        raise UserError(f"values must be finite, but are {values.tolist()}.")
    changed = np.tile(codes[:, None, None], [1, len(dimensions), len(values), 1])
    for row, dimension in enumerate(dimensions):
        changed[:, row, :, dimension] = values
    return tf.convert_to_tensor(changed)


def _norm(codes):
    return tf.norm(codes, axis=-1, keepdims=True)
