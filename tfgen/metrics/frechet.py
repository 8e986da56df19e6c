"""Fréchet distance between two sets of features (Heusel et al. 2017, arXiv:1706.08500).

The squared distance of two Gaussians fitted to the sets:

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))
"""

import numpy as np

from tfgen.errors import UserError


def frechet_distance(first, second):
    """Return the squared Fréchet distance of features [n, d] and [m, d], computed in float64.

    The trace of the root is taken from the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2).
    Raises `UserError` for fewer samples than dimensions, where covariances are singular.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    dimensions = first.shape[1]
    fewest = min(len(first), len(second))
    if fewest <= dimensions:
        raise UserError(
            f"a Fréchet distance in {dimensions} dimensions needs more samples than that, "
            f"but there are {fewest}."
        )
    gap = first.mean(axis=0) - second.mean(axis=0)
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(one))
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(root @ np.atleast_2d(two) @ root)
    cross = np.sqrt(np.clip(product, 0, None)).sum()
    return float(
        gap @ gap + np.trace(np.atleast_2d(one)) + np.trace(np.atleast_2d(two)) - 2 * cross
    )
