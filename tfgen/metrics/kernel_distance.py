"""Kernel distance between two sets of features (Bińkowski et al. 2018, arXiv:1801.01401).

The squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, by its unbiased estimator:
of two sets from one distribution it is 0 in expectation, whatever their sizes, and may be negative.
"""

import numpy as np


def kernel_distance(first, second, block=2048):
    """Return the unbiased squared MMD of features [n, d] and [m, d], float64, exact over blocks."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n, m = len(first), len(second)
    within_first = _kernel_sum(first, first, block) - _diagonal_sum(first)
    within_second = _kernel_sum(second, second, block) - _diagonal_sum(second)
    between = _kernel_sum(first, second, block)
    return float(
        within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
    )


def _kernel_sum(first, second, block):
    total, d = 0.0, first.shape[1]
    for start in range(0, len(first), block):
        for other in range(0, len(second), block):
            products = first[start : start + block] @ second[other : other + block].T
            total += ((products / d + 1) ** 3).sum()
    return total


def _diagonal_sum(features):
    return (((features**2).sum(axis=1) / features.shape[1] + 1) ** 3).sum()
