"""Precision and recall of samples (Kynkäänniemi et al. 2019, arXiv:1904.06991).

Precision is the share of the samples that lie in the support of the real images, recall the share
of the real images that lie in that of the samples. The support of a set is the union of balls, one
around each of its members, that reach to the member's k-th nearest neighbour.
"""

import numpy as np

from tfgen.metrics.neighbours import neighbourhoods, squared_distances


def precision_recall(real, fake, k=3):
    """Return (precision, recall) of features of real images [n, d] and samples [m, d].

    Shares, in 0..1. A ball holds what lies on its surface, as in the paper, up to rounding: a set
    and its copy score 1, also where radii are 0 since samples repeat. Two sets of one distribution
    do not reach 1, and reach less the more dimensions there are: compare with what real images
    score. Raises `UserError` unless k is an integer and 1 <= k < min(n, m), and for what
    `comparable` refuses.
    """
    real, fake = neighbourhoods(real, fake)
    of_real, of_fake = real.radii(k) ** 2, fake.radii(k) ** 2
    precise, recalled = np.zeros(len(of_fake), bool), np.zeros(len(of_real), bool)
    for rows, columns, least in squared_distances(fake, real, margin=-1):
        precise[rows] |= (least <= of_real[columns]).any(axis=1)
        recalled[columns] |= (least <= of_fake[rows, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())
