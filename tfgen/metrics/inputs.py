"""What the metrics take: arrays of finite numbers or images, kept as they are and not copied."""

import numpy as np

from tfgen.errors import UserError

LARGEST = np.finfo(np.float32).max  # the sixth power of it, which kernels take, is a float64 yet


def finite(values, name):
    """Return rows of real numbers as an array [n, d] of their own dtype.

    Raises `UserError`, which calls them `name`, for other shapes, for none at all, and for what is
    not a number, NaN, infinite or beyond the range of float32.
    """
    values = _array(values, name)
    if values.ndim != 2 or not values.size:
        raise UserError(f"{name} are of shape [n, d], but these of {list(values.shape)}.")
    if values.dtype.kind not in "fiub":
        raise UserError(f"{name} must be real numbers, but are of type {values.dtype}.")
    # A NaN is both the least and the largest, and neither takes an array as large as the values.
    if not (values.min() >= -LARGEST and values.max() <= LARGEST):
        row = next(k for k, row in enumerate(values) if not np.all(np.abs(row) <= LARGEST))
        raise UserError(
            f"{name} must be finite and of float32's range, but row {row} holds other numbers."
            if np.isfinite(values[row]).all()
            else f"{name} must be finite, but row {row} holds NaN or infinity."
        )
    return values


def comparable(first, second):
    """Return two sets of features as arrays [n, d] and [m, d] of their own dtypes.

    Raises `UserError` for other shapes, for different dimensions, and for what `finite` refuses.
    """
    first, second = _array(first, "features"), _array(second, "features")
    if not first.ndim == second.ndim == 2 or first.shape[1] != second.shape[1]:
        images = "; tfgen.metrics.extract(images, kind) gives those of images" * (first.ndim == 4)
        raise UserError(
            "two sets of features [n, d] and [m, d] compare, but these are of shapes "
            f"{list(first.shape)} and {list(second.shape)}{images}."
        )
    return finite(first, "features"), finite(second, "features")


def _array(values, name):
    try:
        return np.asarray(values)
    except ValueError:  # rows of several lengths
        raise UserError(f"{name} are of shape [n, d], but these are no array.") from None


def whole_images(images):
    """Return images as an array uint8 [n, h, w, c].

    Raises `UserError` for another dtype or number of axes, and for no images at all.
    """
    expected = "images must be uint8 [n, height, width, channels], at least one"
    try:
        images = np.asarray(images)
    except ValueError:  # of several shapes
        raise UserError(f"{expected}, but these are no array.") from None
    if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
        shape = list(images.shape)
        raise UserError(f"{expected}, but these are {images.dtype} of shape {shape}.")
    return images


def blocks(rows, size):
    """Yield (slice, those of the rows as float64) for one block of rows after another."""
    for start in range(0, len(rows), size):
        part = slice(start, min(start + size, len(rows)))
        yield part, rows[part].astype(np.float64)
