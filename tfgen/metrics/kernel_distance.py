"""Kernel distance between two sets of features (Bińkowski et al. 2018, arXiv:1801.01401).

The squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, by its unbiased estimator:
of two sets from one distribution it is 0 in expectation, whatever their sizes, and may be negative.
Every pair counts, in sums over blocks: nothing is drawn, as in an average over subsets, and no
order of the samples matters.
"""

import numpy as np

from tfgen.errors import UserError


def kernel_distance(first, second, block=2048):
    """Return the unbiased squared MMD of features [n, d] and [m, d], float64, exact over blocks.

    Raises `UserError` for fewer than two samples, which make no pair.
    """
    first, second = np.asarray(first), np.asarray(second)
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise UserError(f"a kernel distance needs at least 2 samples a set, but has {n} and {m}.")
    within_first = _kernel_sum(first, first, block) - _diagonal_sum(first, block)
    within_second = _kernel_sum(second, second, block) - _diagonal_sum(second, block)
    between = _kernel_sum(first, second, block)
    return float(
        within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
    )


def _kernel_sum(first, second, block):
    total, d = 0.0, first.shape[1]
    for rows in _blocks(first, block):
        for others in _blocks(second, block):
            total += ((rows @ others.T / d + 1) ** 3).sum()
    return total


def _diagonal_sum(features, block):
    d = features.shape[1]
    return sum(((np.sum(rows**2, axis=1) / d + 1) ** 3).sum() for rows in _blocks(features, block))


def _blocks(features, block):
    for start in range(0, len(features), block):
        yield features[start : start + block].astype(np.float64)
