"""Density and coverage of samples (Naeem et al. 2020, arXiv:2002.09797).

Around each real image lies a ball that reaches to its k-th nearest neighbour among the real ones.
Density is the number of balls that a sample lies in, over k: an outlier, whose ball is large,
weighs less than in precision. Coverage is the share of the balls that hold a sample: a model that
draws outliers cannot raise it, as it can recall.
"""

from tfgen.metrics.neighbours import neighbour_radii, over_distances


def density_coverage(real, fake, k=5):
    """Return (density, coverage) of features of real images [n, d] and samples [m, d].

    For two sets of one distribution the density is 1 in expectation, and the coverage

        1 - prod_{i < k} (n - 1 - i) / (n + m - 1 - i)

    that is 1 - 2^-k for large sets of one size: of the image's k nearest neighbours, one at least
    is a sample. Density may exceed 1, where the samples crowd. Raises `UserError` unless
    1 <= k < n.
    """
    radii = neighbour_radii(real, k)
    density = over_distances(lambda d: (d < radii).sum(axis=1), fake, real).mean() / k
    nearest = over_distances(lambda d: d.min(axis=1), real, fake)
    return float(density), float((nearest < radii).mean())
