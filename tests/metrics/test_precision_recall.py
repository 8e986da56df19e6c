"""Precision, recall, density and coverage against their definitions and their expectations."""

import tracemalloc

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.metrics import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    neighbours,
    precision_recall,
)
from tfgen.metrics.neighbours import Neighbourhood


def distance(a, b):
    return np.sqrt(np.sum((a - b) ** 2))


def radius(members, i, k):
    """The distance to the k-th nearest of the others, sorted by hand."""
    return sorted(distance(members[i], x) for j, x in enumerate(members) if j != i)[k - 1]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_equal_their_definitions(k, monkeypatch):
    monkeypatch.setattr(neighbours, "MEMORY", 1e-3)  # many chunks
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=[40, 3]), rng.normal(size=[31, 3]) * 0.8 + 0.3
    of_real = [radius(real, i, k) for i in range(40)]
    of_fake = [radius(fake, i, k) for i in range(31)]
    inside = np.array(
        [[distance(x, y) < r for x, r in zip(real, of_real, strict=True)] for y in fake]
    )
    covered = np.array(
        [[distance(x, y) < r for y, r in zip(fake, of_fake, strict=True)] for x in real]
    )
    expected = inside.any(axis=1).mean(), covered.any(axis=1).mean()
    np.testing.assert_allclose(precision_recall(real, fake, k), expected)
    # A ball holds a sample where its radius exceeds the distance to the nearest one.
    expected = inside.sum() / (k * 31), inside.any(axis=0).mean()
    np.testing.assert_allclose(density_coverage(real, fake, k), expected)
    assert 0 < expected[1] < 1


def test_no_metric_holds_all_pairs_at_once(monkeypatch):
    monkeypatch.setattr(neighbours, "MEMORY", 8)
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=[2, 4000, 16]).astype(np.float32)
    for metric in (precision_recall, density_coverage, kernel_distance, frechet_distance):
        tracemalloc.start()
        metric(real, fake)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4000**2 * 8 / 1.1, metric


def test_a_sample_is_not_its_own_neighbour_even_among_equal_ones():
    points = np.array([[0.0], [0.0], [1.0], [3.0]])
    np.testing.assert_allclose(Neighbourhood(points).radii(1), [0, 0, 1, 2])
    np.testing.assert_allclose(Neighbourhood(points).radii(2), [1, 1, 1, 3])


def test_density_and_coverage_of_one_distribution_have_their_expectations():
    """Of Naeem et al., section 3.3; a k wrong by one would move the coverage by .03 or more."""
    n, m, k, draws = 300, 200, 5, 60
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        found.append(density_coverage(rng.normal(size=[n, 8]), rng.normal(size=[m, 8]), k))
    error = np.std(found, axis=0) / np.sqrt(draws)
    coverage = 1 - np.prod([(n - 1 - i) / (n + m - 1 - i) for i in range(k)])
    assert np.all(error < [0.02, 0.003])
    np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - [1, coverage]), 4 * error)


def test_normal_samples_reach_the_known_figures():
    """The protocol of Naeem et al.'s reference code, smaller.

    With N=10,000, d=1000 and k=5 that code is known for .4772, .4705, 1.0555 and .9735. Six draws
    here, of half a minute each, gave .456 to .497, .474 to .493, .912 to 1.070 and .956 to .974,
    and k=4 a coverage of .916: a draw's spread is large, since in many dimensions few images are
    the neighbours of many.
    """
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=[2, 1000, 100])
        found.append([*precision_recall(real, fake, 5), *density_coverage(real, fake, 5)])
    # With k=4 precision and recall would be .05 lower, the coverage .03.
    mean = np.mean(found, axis=0)
    np.testing.assert_array_less(
        np.abs(mean - [0.693, 0.693, 1, 1 - 2**-5]), [0.02, 0.02, 0.1, 0.012]
    )


def test_a_collapsed_and_a_spread_sampler_are_told_apart():
    rng = np.random.default_rng(0)
    real = rng.normal(size=[500, 4])
    collapsed, spread = 0.1 * rng.normal(size=[500, 4]), 3 * rng.normal(size=[500, 4])
    precision, recall = precision_recall(real, collapsed)
    assert precision > 0.95 and recall < 0.05
    density, coverage = density_coverage(real, collapsed)
    assert density > 1 and coverage < 0.3
    precision, recall = precision_recall(real, spread)
    assert precision < 0.5 and recall > 0.9
    assert density_coverage(real, spread)[0] < 0.5


def test_too_few_samples_for_k_are_told():
    with pytest.raises(UserError, match="k must be below the number of samples, 5, but is 5"):
        precision_recall(np.zeros([5, 2]), np.zeros([9, 2]), k=5)
