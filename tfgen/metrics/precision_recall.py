"""Precision and recall of samples (Kynkäänniemi et al. 2019, arXiv:1904.06991).

Precision is the share of the samples that lie in the support of the real images, recall the share
of the real images that lie in that of the samples. The support of a set is the union of balls, one
around each of its members, that reach to the member's k-th nearest neighbour.
"""

from tfgen.metrics.neighbours import neighbour_radii, over_distances


def precision_recall(real, fake, k=3):
    """Return (precision, recall) of features of real images [n, d] and samples [m, d].

    Two sets of one distribution do not reach 1, and reach less the more dimensions there are:
    compare with what real images score. Raises `UserError` unless 1 <= k < min(n, m).
    """
    return share_within(fake, real, k), share_within(real, fake, k)


def share_within(points, members, k):
    """Return the share of points [n, d] within a ball of one of the members [m, d]."""
    radii = neighbour_radii(members, k)
    return float(over_distances(lambda d: (d <= radii).any(axis=1), points, members).mean())
