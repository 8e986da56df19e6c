"""Precision and recall of samples (Kynkäänniemi et al. 2019, arXiv:1904.06991).

Precision is the share of the samples that lie in the support of the real images, recall the share
of the real images that lie in that of the samples. The support of a set is the union of balls, one
around each of its members, that reach to the member's k-th nearest neighbour.
"""

import numpy as np

from tfgen.metrics.neighbours import Neighbourhood, distances_between


def precision_recall(real, fake, k=3):
    """Return (precision, recall) of features of real images [n, d] and samples [m, d].

    Two sets of one distribution do not reach 1, and reach less the more dimensions there are:
    compare with what real images score. Raises `UserError` unless 1 <= k < min(n, m).
    """
    real, fake = Neighbourhood.of(real), Neighbourhood.of(fake)
    of_real, of_fake = real.radii(k), fake.radii(k)
    precise, recalled = np.zeros(len(of_fake), bool), np.zeros(len(of_real), bool)
    for rows, distances in distances_between(fake, real):
        precise[rows] = (distances <= of_real).any(axis=1)
        recalled |= (distances <= of_fake[rows, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())
