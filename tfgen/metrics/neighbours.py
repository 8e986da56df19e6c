"""Balls around samples, each as large as the distance to its k-th neighbour of the same set.

Together they stand for the support of a distribution, in `precision_recall` and
`density_coverage`. Distances are Euclidean, computed in float64 over blocks of rows and columns,
so that neither all pairs nor a float64 copy of the features is ever held.

A squared distance is |x|^2 + |y|^2 - 2 x.y, which is fast but rounded, the more the longer x and y
are. So both are measured from the mean of the first set, or an offset that all features share would
take the digits. Even so the distance of equal samples is not quite 0, and that of a ball's own
neighbour not quite the radius. Such ties are common where samples repeat, as those of a collapsed
model do: what differs by no more than rounding may have made of it counts as equal, and
`squared_distances` takes a margin for that.
"""

import numpy as np

from tfgen.errors import UserError, check_counts
from tfgen.metrics.inputs import blocks, comparable, finite

MEMORY = 64  # MiB of one block of squared distances
NEAREST = 5  # neighbours that one search finds, since another k would take as long again


class Neighbourhood:
    """A set of features [n, d] with the balls around its members, found when first asked for.

    What compares one set with several may hand over one of these in place of the features. They
    keep their dtype. Raises `UserError` unless they are finite numbers [n, d].

    Attributes:
        features: [n, d].
        centre: float64 [d], from which features are measured; their mean unless it is given.
    """

    def __init__(self, features, centre=None):
        self.features = finite(features, "features")
        self.centre = centre
        if centre is None:
            self.centre = self.features.mean(axis=0, dtype=np.float64)
        self._nearest = None

    def radii(self, k):
        """Return each member's distance to the k-th nearest other one, float64 [n].

        A member is not its own neighbour, but an exact copy of it is, at distance 0. Raises
        `UserError` unless k is an integer and 1 <= k < n.
        """
        check_counts(k=k)
        n = len(self.features)
        if k >= n:
            raise UserError(f"k must be below the number of samples, {n}, but is {k}.")
        if self._nearest is None or k > self._nearest.shape[1]:
            self._nearest = np.sqrt(self._search(min(max(k, NEAREST), n - 1)))
        return self._nearest[:, k - 1]

    def _search(self, k):
        """Return the squared distances to the k nearest other members, ascending, [n, k]."""
        nearest = np.full([len(self.features), k], np.inf)
        for rows, columns, squared in squared_distances(self, self):
            if rows == columns:
                np.fill_diagonal(squared, np.inf)
            if squared.shape[1] > k:
                squared.partition(k - 1, axis=1)
            found = np.concatenate([nearest[rows], squared[:, :k]], axis=1)
            nearest[rows] = np.sort(found, axis=1)[:, :k]
        # A copy is as long as the member, so that this is what rounding may make of 0.
        zero = 2 * rounding(len(self.centre)) * self.squared_norms()
        nearest[nearest <= zero[:, None]] = 0
        return nearest

    def blocks(self, size):
        """Yield (slice, its features from the centre, float64) for one block after another."""
        for part, features in blocks(self.features, size):
            features -= self.centre
            yield part, features

    def squared_norms(self):
        """Return the squared distances of the features from the centre, float64 [n]."""
        return np.concatenate([np.einsum("nd,nd->n", x, x) for _, x in self.blocks(256)])


def neighbourhoods(first, second):
    """Return the `Neighbourhood`s of two sets, which may be some or features [n, d] and [m, d].

    Both have the centre of the first, since radii found about another would be rounded differently;
    so a `Neighbourhood` as the second set saves no search. Raises `UserError` for sets that do not
    compare, before anything is computed.
    """
    one, other = (s.features if isinstance(s, Neighbourhood) else s for s in (first, second))
    comparable(one, other)
    first = first if isinstance(first, Neighbourhood) else Neighbourhood(one)
    return first, Neighbourhood(other, first.centre)


def squared_distances(rows, columns, margin=0):
    """Yield (slice of the rows, slice of the columns, their squared distances float64 [a, b]).

    Args:
        rows, columns: two `Neighbourhood`s about one centre, of n and of m features.
        margin: -1 for what the squared distances may be at least, 1 at most, given the rounding of
            these and of squared radii that they are compared with.
    """
    side = max(1, int(np.sqrt(MEMORY * 2**20 / 8)))
    scale = 1 + margin * rounding(len(rows.centre))
    lengths, others = scale * rows.squared_norms(), scale * columns.squared_norms()
    for row, left in rows.blocks(side):
        left *= -2
        for column, right in columns.blocks(side):
            squared = left @ right.T
            squared += lengths[row, None]
            squared += others[column]
            yield row, column, squared


def rounding(dimensions):
    """Return the error of a squared distance and a squared radius next to it, over |x|^2 + |y|^2.

    At most: a sum of d products is off by d eps / 2 of its terms' sizes, x and y by eps / 2 since
    the centre was taken off, and the neighbour that a radius comes from may be longer than the
    samples compared. It is 2e-13 in 128 dimensions and 4e-12 in 2048; vectors of float32 that
    differ by their own rounding are as near, unless the centre is far longer than they are from it.
    """
    return 8 * (dimensions + 5) * np.finfo(np.float64).eps
