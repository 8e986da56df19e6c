"""Kernel distance between two sets of features (Bińkowski et al. 2018, arXiv:1801.01401).

The squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, by its unbiased estimator:
of two sets from one distribution it is 0 in expectation, whatever their sizes, and may be negative.
Every pair counts, in sums over blocks: nothing is drawn, as in an average over subsets, and no
order of the samples matters.
"""

import numpy as np

from tfgen.errors import UserError, check_counts
from tfgen.metrics.inputs import blocks, comparable


def kernel_distance(first, second, block=2048):
    """Return the unbiased squared MMD of features [n, d] and [m, d], float64, exact over blocks.

    It has no unit, and depends on the scale of the features. `block` rows of each set are float64
    at a time. Raises `UserError` for fewer than two samples, which make no pair, for a `block` that
    is no integer of at least 1, and for what `comparable` refuses.
    """
    check_counts(block=block)
    first, second = comparable(first, second)
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise UserError(f"a kernel distance needs at least 2 samples a set, but has {n} and {m}.")
    within_first = 2 * _sum_over_pairs(first, block)
    within_second = 2 * _sum_over_pairs(second, block)
    between = sum(
        _kernel(rows, others).sum()
        for _, rows in blocks(first, block)
        for _, others in blocks(second, block)
    )
    return float(
        within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
    )


def _sum_over_pairs(features, block):
    """Return the sum of the kernel over all pairs of two, each of them once."""
    total = 0.0
    for start in range(0, len(features), block):
        following = blocks(features[start:], block)
        _, rows = next(following)
        total += np.triu(_kernel(rows, rows), 1).sum()
        total += sum(_kernel(rows, others).sum() for _, others in following)
    return total


def _kernel(rows, others):
    base = rows @ others.T
    base /= rows.shape[1]
    base += 1
    cube = base * base  # two products are several times faster than base**3
    cube *= base
    return cube
