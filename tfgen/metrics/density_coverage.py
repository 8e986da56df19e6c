"""Density and coverage of samples (Naeem et al. 2020, arXiv:2002.09797).

Around each real image lies a ball that reaches to its k-th nearest neighbour among the real ones.
Density is the number of balls that a sample lies in, over k: an outlier, whose ball is large,
weighs less than in precision. Coverage is the share of the balls that hold a sample: a model that
draws outliers cannot raise it, as it can recall.
"""

import numpy as np

from tfgen.metrics.neighbours import neighbourhoods, squared_distances


def density_coverage(real, fake, k=5):
    """Return (density, coverage) of features of real images [n, d] and samples [m, d].

    For two sets of one distribution the density is 1 in expectation, and the coverage, a share,

        1 - prod_{i < k} (n - 1 - i) / (n + m - 1 - i)

    that is 1 - 2^-k for large sets of one size: of the image's k nearest neighbours, one at least
    is a sample. Density may exceed 1, where the samples crowd.

    Both hold where no two images are equal. As in the authors' code, a ball does not hold its
    surface, up to rounding: of an image with k exact copies or more it is empty, and no sample
    lies in it, not even another copy. A share s of such images leaves a coverage of 1 - s at most.
    (Balls with their surface would not meet the expectations either: 10 images, 20 times each,
    would have a density of 4 against themselves.) Take repeated images out of `real` first.

    Raises `UserError` unless k is an integer and 1 <= k < n, and for what `comparable` refuses.
    """
    real, fake = neighbourhoods(real, fake)
    radii = real.radii(k) ** 2
    balls, covered = 0, np.zeros(len(radii), bool)
    for _, columns, most in squared_distances(fake, real, margin=1):
        within = most < radii[columns]
        balls += within.sum()
        covered[columns] |= within.any(axis=0)
    return float(balls / (k * len(fake.features))), float(covered.mean())
