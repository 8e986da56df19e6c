"""What repeated samples, bad numbers and many samples do to the metrics on features."""

import inspect
import tracemalloc

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.metrics import (
    density_coverage,
    frechet,
    frechet_distance,
    gaussian_coverage,
    kernel_distance,
    mode_coverage,
    neighbours,
    precision_recall,
)
from tfgen.metrics.neighbours import Neighbourhood

ALL = [precision_recall, density_coverage, kernel_distance, frechet_distance]


def repeated(rng, distinct, copies, dimensions=128, scale=1.0):
    """Return features whose dot products do not round alike, each of them so many times."""
    points = rng.normal(loc=3, scale=scale, size=[distinct, dimensions])
    return rng.permutation(np.repeat(points, copies, axis=0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("memory", [1e-3, 64])
def test_a_set_of_repeated_samples_and_its_copy_are_one_support(dtype, memory, monkeypatch):
    monkeypatch.setattr(neighbours, "MEMORY", memory)
    rng = np.random.default_rng(0)
    real = repeated(rng, 10, 20).astype(dtype)
    np.testing.assert_array_equal(Neighbourhood(real).radii(5), 0)
    assert precision_recall(real, rng.permutation(real)) == (1, 1)
    # Balls without a surface are empty where k copies or more are equal.
    assert density_coverage(real, rng.permutation(real)) == (0, 0)


def test_samples_as_far_as_a_neighbour_lie_on_its_ball_whatever_the_rounding():
    """Of a set and its copy: k members, itself included, lie nearer than the k-th neighbour."""
    rng = np.random.default_rng(1)
    for dimensions in (3, 128, 2048):
        real = repeated(rng, 60, 1, dimensions)
        for k in (1, 5):
            assert density_coverage(real, rng.permutation(real), k) == (1, 1)
            assert precision_recall(real, rng.permutation(real), k) == (1, 1)
            # The neighbours of each image, beside its copy, come in pairs: k of them hold it.
            twice = np.concatenate([real, real])
            expected = 2 * k / (2 * k + 1), 1
            assert density_coverage(twice, twice, 2 * k + 1) == pytest.approx(expected)


def test_only_samples_that_rounding_cannot_tell_apart_are_equal():
    rng = np.random.default_rng(2)
    real = repeated(rng, 10, 20, scale=0.1).astype(np.float32)
    assert precision_recall(real, real * np.float32(1 + 1e-4)) == (0, 0)


def test_features_keep_their_dtype_and_metrics_are_those_of_float64():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(loc=2, size=[2, 300, 20]).astype(np.float32)
    assert Neighbourhood(real).features is real
    for measure in ALL:
        wide = measure(real.astype(np.float64), fake.astype(np.float64))
        np.testing.assert_allclose(measure(real, fake), wide, rtol=1e-12)
    bits = rng.integers(0, 2, [2, 300, 20], np.uint8)
    for measure in ALL:
        wide = measure(*bits.astype(np.float64))
        np.testing.assert_allclose(measure(*bits), wide, rtol=1e-12)


@pytest.mark.parametrize("offset", [1e6, 1e7])
def test_an_offset_that_all_features_share_changes_nothing(offset, monkeypatch):
    monkeypatch.setattr(neighbours, "MEMORY", 1e-2)  # many chunks
    rng = np.random.default_rng(4)
    # Steps of 2^-10 lose nothing to the offset.
    real, fake = np.round(rng.normal(size=[2, 300, 16]) * 2**10) / 2**10
    for measure in (precision_recall, density_coverage):
        assert measure(real + offset, fake + offset) == measure(real, fake)
        own = Neighbourhood(real + offset), Neighbourhood(fake + offset)
        assert measure(*own) == measure(real, fake)
    far = repeated(rng, 10, 20) + offset
    np.testing.assert_array_equal(Neighbourhood(far).radii(5), 0)
    assert precision_recall(far, rng.permutation(far)) == (1, 1)


def own_bytes(measure, n, d, block):
    """Return what a metric of n and n features of d dimensions takes at most, beside them.

    Blocks of float64 features, and of pairs with what becomes of them; for each member of the two
    sets its squared length, its radius squared, and the five distances of a search. Or matrices.
    """
    if measure is frechet_distance:
        return 8 * (3 * block * d + 10 * d**2)
    return 8 * (4 * block * d + 3 * block**2 + 2 * n * 7)


def test_metrics_take_no_float64_copy_of_the_features(monkeypatch):
    n, d, block = 5000, 256, 256
    monkeypatch.setattr(neighbours, "MEMORY", block**2 * 8 / 2**20)
    monkeypatch.setattr(frechet, "BLOCK", block)
    rng = np.random.default_rng(0)
    real, fake = (rng.random([n, d], np.float32) for _ in range(2))
    for measure in ALL:
        bound = own_bytes(measure, n, d, block)
        assert bound < n * d * 8 / 1.2
        arguments = {"block": block} if measure is kernel_distance else {}
        tracemalloc.start()
        measure(real, fake, **arguments)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < bound, measure.__name__


def test_fifty_thousand_features_of_2048_dimensions_fit_in_two_gib():
    side = (neighbours.MEMORY * 2**20 / 8) ** 0.5
    block = inspect.signature(kernel_distance).parameters["block"].default
    blocks = dict(zip(ALL, [side, side, block, frechet.BLOCK], strict=True))
    for measure, block in blocks.items():
        assert own_bytes(measure, 50_000, 2048, block) < 2**31


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_features_that_are_not_finite_are_told(measure, bad):
    good = np.random.default_rng(0).normal(size=[30, 4])
    wrong = good.copy()
    wrong[7, 2] = bad
    for pair in ((good, wrong), (wrong, good)):
        with pytest.raises(UserError, match=r"^features must be finite.*row 7 holds [^.]*\.$"):
            measure(*pair)


@pytest.mark.parametrize("measure", ALL)
def test_features_that_are_no_numbers_or_none_are_told(measure):
    good = np.zeros([30, 4])
    with pytest.raises(UserError, match="features must be real numbers, but are of type complex"):
        measure(good, good + 1j)
    with pytest.raises(UserError, match=r"features are of shape \[n, d\], but these of \[0, 4\]"):
        measure(good, good[:0])
    with pytest.raises(UserError, match=r"but these are of shapes \[30, 4\] and \[30\]"):
        measure(good, good[:, 0])
    with pytest.raises(UserError, match=r"features are of shape \[n, d\], but these are no array"):
        measure(good, [[1, 2], [1]])
    images = np.zeros([30, 2, 2, 1], np.uint8)
    with pytest.raises(UserError, match=r"2, 1\]; tfgen.metrics.extract\(images, kind\) gives"):
        measure(images, images)


def test_modes_and_points_that_are_none_are_told():
    for modes in ([0.0, 1.0], [np.nan], [[0, 1]]):
        with pytest.raises(UserError, match=r"modes must be integers \[n\], but are .* of shape"):
            mode_coverage(modes, 4)
    centres = np.eye(2)
    with pytest.raises(UserError, match="points must be finite, but row 1 holds NaN or infinity"):
        gaussian_coverage([[0, 1], [np.nan, 0]], centres, 0.1)
    with pytest.raises(UserError, match="centres must be finite, but row 0 holds NaN or infinity"):
        gaussian_coverage(centres, [[np.inf, 0]], 0.1)
    with pytest.raises(UserError, match="points of 3 dimensions have no centres of 2"):
        gaussian_coverage(np.eye(3), centres, 0.1)


@pytest.mark.parametrize("sigma", [np.nan, np.inf, -0.1, 0, "a", None])
def test_a_width_of_modes_that_is_none_is_told(sigma):
    with pytest.raises(UserError, match=rf"sigma must be a number in \(0, inf\), but is {sigma!r}"):
        gaussian_coverage(np.eye(2), np.eye(2), sigma)


@pytest.mark.parametrize("count", [0, -1, 2.5, "a", None])
def test_numbers_of_neighbours_and_of_rows_that_are_none_are_told(count):
    features = np.random.default_rng(0).normal(size=[30, 4])
    told = f"must be an integer of at least 1, but is {count!r}"
    for measure in (precision_recall, density_coverage):
        with pytest.raises(UserError, match=f"k {told}"):
            measure(features, features, k=count)
    with pytest.raises(UserError, match=f"block {told}"):
        kernel_distance(features, features, block=count)


@pytest.mark.exhaustive
def test_normal_samples_reach_the_published_figures():
    """The one draw that Naeem et al. publish with their code: N=10,000, d=1000, k=5, both N(0, I).

    Half a minute to a minute. A draw's spread is large, since in many dimensions few images are the
    neighbours of many: the density of six draws went from .912 to 1.070. The tolerances are two to
    three standard deviations of the difference of two draws. k=4 would have a coverage of .916.
    """
    real, fake = np.random.default_rng(0).normal(size=[2, 10_000, 1000])
    real, fake = Neighbourhood(real), Neighbourhood(fake)
    found = [*precision_recall(real, fake, 5), *density_coverage(real, fake, 5)]
    np.testing.assert_array_less(
        np.abs(np.subtract(found, [0.4772, 0.4705, 1.0555, 0.9735])), [0.05, 0.05, 0.2, 0.025]
    )
