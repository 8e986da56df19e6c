"""Balls around samples, each as large as the distance to its k-th neighbour of the same set.

Together they stand for the support of a distribution, in `precision_recall` and
`density_coverage`. Distances are Euclidean and taken over chunks of `MEMORY` MiB.
"""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from tfgen.errors import UserError

MEMORY = 256
NEAREST = 5  # neighbours that one search finds, since another k would take as long again


def comparable(first, second):
    """Return two sets of features as arrays [n, d] and [m, d]; raises `UserError` for others."""
    first, second = np.asarray(first), np.asarray(second)
    if not first.ndim == second.ndim == 2 or first.shape[1] != second.shape[1]:
        raise UserError(
            "two sets of features [n, d] and [m, d] compare, but these are of shapes "
            f"{list(first.shape)} and {list(second.shape)}."
        )
    return first, second


class Neighbourhood:
    """A set of features [n, d] with the balls around its members, found when first asked for.

    What compares one set with several may hand over one of these in place of the features.
    """

    def __init__(self, features):
        self.features = np.asarray(features, np.float64)
        self._distances = None

    @classmethod
    def of(cls, features):
        """Return a `Neighbourhood` as it is, and one of features [n, d]."""
        return features if isinstance(features, cls) else cls(features)

    def radii(self, k):
        """Return each member's distance to the k-th nearest other one, float64 [n].

        A member is not its own neighbour. Raises `UserError` unless 1 <= k < n.
        """
        n = len(self.features)
        if not 1 <= k < n:
            raise UserError(
                f"k must be at least 1 and below the number of samples, {n}, but is {k}."
            )
        if self._distances is None or k > self._distances.shape[1]:
            nearest = NearestNeighbors(n_neighbors=min(max(k, NEAREST), n - 1), algorithm="brute")
            # Without an argument, which leaves a sample itself out even where others equal it.
            self._distances, _ = nearest.fit(self.features).kneighbors()
        return self._distances[:, k - 1]


def distances_between(rows, columns):
    """Yield (slice of the rows, their distances to all columns float64 [c, m]), chunk by chunk.

    Args: rows, columns: `Neighbourhood`s of n and m members.
    """
    comparable(rows.features, columns.features)
    start = 0
    for distances in pairwise_distances_chunked(
        rows.features, columns.features, working_memory=MEMORY
    ):
        yield slice(start, start + len(distances)), distances
        start += len(distances)
