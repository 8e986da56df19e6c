"""Density and coverage of samples (Naeem et al. 2020, arXiv:2002.09797).

Around each real image lies a ball that reaches to its k-th nearest neighbour among the real ones.
Density is the number of balls that a sample lies in, over k: an outlier, whose ball is large,
weighs less than in precision. Coverage is the share of the balls that hold a sample: a model that
draws outliers cannot raise it, as it can recall.
"""

import numpy as np

from tfgen.metrics.neighbours import Neighbourhood, distances_between


def density_coverage(real, fake, k=5):
    """Return (density, coverage) of features of real images [n, d] and samples [m, d].

    For two sets of one distribution the density is 1 in expectation, and the coverage

        1 - prod_{i < k} (n - 1 - i) / (n + m - 1 - i)

    that is 1 - 2^-k for large sets of one size: of the image's k nearest neighbours, one at least
    is a sample. Density may exceed 1, where the samples crowd. Raises `UserError` unless
    1 <= k < n.
    """
    real, fake = Neighbourhood.of(real), Neighbourhood.of(fake)
    radii = real.radii(k)
    balls, covered = 0, np.zeros(len(radii), bool)
    for _, distances in distances_between(fake, real):
        within = distances < radii
        balls += within.sum()
        covered |= within.any(axis=0)
    return float(balls / (k * len(fake.features))), float(covered.mean())
