"""Which modes a model reaches, where the modes are known.

Stacked MNIST: images of three digits, one a channel, that is 1000 modes (Metz et al. 2016,
arXiv:1611.02163; 26,000 samples, Srivastava et al. 2017, arXiv:1705.07761). Rings and grids of
Gaussians in the plane: a sample is of high quality within three standard deviations of a mode
(the latter paper).
"""

import numpy as np

from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.metrics.inputs import finite

STACKED_MODES = 1000
STACKED_SAMPLES = 26_000
GAUSSIAN_SAMPLES = 2_500


def mode_coverage(modes, num_modes):
    """Return (number of modes that are reached, KL of their frequencies to the uniform, in nats).

    Args: modes: int [n], the mode of each sample, in 0..num_modes-1; num_modes: of them.

    n samples of a perfect sampler have a KL of about (num_modes - 1) / (2 n), not of 0. Raises
    `UserError` for no samples, for modes that are not integers or not in the range, and for a
    number of them that is no integer of at least 1.
    """
    check_counts(num_modes=num_modes)
    modes = np.asarray(modes)
    if not modes.size:
        raise UserError("the modes of no samples were given; give at least one.")
    if modes.dtype.kind not in "iu" or modes.ndim != 1:
        raise UserError(
            f"modes must be integers [n], but are {modes.dtype} of shape {list(modes.shape)}."
        )
    wrong = modes[(modes < 0) | (modes >= num_modes)]
    if wrong.size:
        raise UserError(f"modes must lie in 0..{num_modes - 1}, but one is {wrong[0]}.")
    counts = np.bincount(modes.astype(np.int64), minlength=num_modes)
    frequencies = counts[counts > 0] / counts.sum()
    divergence = np.sum(frequencies * np.log(frequencies * num_modes))
    return int(np.count_nonzero(counts)), float(divergence)


def stacked_digits(images, classify):
    """Return the modes of images of three digits, int [n] in 0..999.

    Args: images: uint8 [n, h, w, 3]; classify: uint8 [n, h, w, 1] -> the digits, int [n]. The first
        channel's is the hundreds' one.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3:
        raise UserError(f"stacked digits have 3 channels, but images of {images.shape} are given.")
    hundreds, tens, ones = (classify(images[..., channel, None]) for channel in range(3))
    return np.asarray(hundreds) * 100 + np.asarray(tens) * 10 + np.asarray(ones)


def gaussian_coverage(points, centres, sigma):
    """Return (modes reached by points [n, d], share of high quality, KL to the uniform in nats).

    A point belongs to the nearest of the centres [k, d], and is of high quality within 3 sigma of
    it (of a perfect sampler in the plane, 1 - exp(-9/2) = 98.9 % of the points are). Only such
    points reach a mode and count in the KL, which is infinite where there is none. Raises
    `UserError` for what `finite` refuses, for centres of other dimensions than the points, and
    unless sigma is above 0.
    """
    points, centres = finite(points, "points"), finite(centres, "centres")
    if points.shape[1] != centres.shape[1]:
        raise UserError(
            f"points of {points.shape[1]} dimensions have no centres of {centres.shape[1]}."
        )
    check_numbers("(0, inf)", sigma=sigma)
    points = points.astype(np.float64)
    distances = np.linalg.norm(points[:, None] - centres, axis=-1)
    modes, good = distances.argmin(axis=1), distances.min(axis=1) <= 3 * sigma
    if not good.any():
        return 0, 0.0, float("inf")
    reached, divergence = mode_coverage(modes[good], len(centres))
    return reached, float(good.mean()), divergence
