"""Fréchet distance between two sets of features (Heusel et al. 2017, arXiv:1706.08500).

The squared distance of two Gaussians fitted to the sets:

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))
"""

import numpy as np

from tfgen.errors import UserError
from tfgen.metrics.inputs import blocks, comparable

BLOCK = 8192  # samples that are float64 at a time


def frechet_distance(first, second):
    """Return the squared Fréchet distance of features [n, d] and [m, d], computed in float64.

    In squared units of the features; 0 up to rounding for equal sets, and above it for two sets of
    one distribution, the more the fewer samples there are.

    The trace of the root is taken from the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2).
    Raises `UserError` unless there are more samples than dimensions, without which covariances are
    singular, and for what `comparable` refuses.
    """
    first, second = comparable(first, second)
    dimensions = first.shape[1]
    fewest = min(len(first), len(second))
    if fewest <= dimensions:
        raise UserError(
            f"a Fréchet distance in {dimensions} dimensions needs more samples than that, "
            f"but there are {fewest}."
        )
    (mean, one), (other_mean, two) = _moments(first), _moments(second)
    gap = mean - other_mean
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(root @ two @ root)
    cross = np.sqrt(np.clip(product, 0, None)).sum()
    return float(gap @ gap + np.trace(one) + np.trace(two) - 2 * cross)


def _moments(features):
    """Return the mean [d] and the covariance [d, d], summed over blocks, so that no copy is made.

    The mean is taken off first, since sums of squares would lose the digits of a small variance.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scatter = np.zeros([len(mean), len(mean)])
    for _, centred in blocks(features, BLOCK):
        centred -= mean
        scatter += centred.T @ centred
    return mean, scatter / (len(features) - 1)
