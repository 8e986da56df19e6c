"""Balls around samples, each as large as the distance to its k-th neighbour of the same set.

Together they stand for the support of a distribution, in `precision_recall` and
`density_coverage`. Distances are Euclidean and taken over chunks of `MEMORY` MiB.
"""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from tfgen.errors import UserError

MEMORY = 256


def neighbour_radii(features, k):
    """Return each sample's distance to the k-th nearest other sample, float64 [n].

    Args: features: [n, d]; k: a sample is not its own neighbour.

    Raises `UserError` unless 1 <= k < n.
    """
    features = np.asarray(features, np.float64)
    if not 1 <= k < len(features):
        raise UserError(
            f"k must be at least 1 and below the number of samples, {len(features)}, but is {k}."
        )
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features)
    # Without an argument, which leaves a sample itself out even where others equal it.
    return neighbours.kneighbors()[0][:, -1]


def over_distances(reduce, rows, columns):
    """Return `reduce` of the distances from chunks of rows [n, d] to all columns [m, d], joined.

    Args: reduce: distances float64 [c, m] -> [c, ...].
    """
    chunks = pairwise_distances_chunked(
        np.asarray(rows),  # made float64 by the chunk, since the columns are
        np.asarray(columns, np.float64),
        reduce_func=lambda distances, _start: reduce(distances),
        working_memory=MEMORY,
    )
    return np.concatenate(list(chunks))
