"""Modes that are reached, with the floors of perfect samplers."""

import numpy as np
import pytest

from tfgen.data import GAUSSIANS
from tfgen.errors import UserError
from tfgen.metrics import gaussian_coverage, mode_coverage
from tfgen.metrics.mode_coverage import (
    STACKED_MODES,
    STACKED_SAMPLES,
    stacked_digits,
)

# How often each digit occurs among MNIST's training images.
MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_coverage_by_hand():
    reached, divergence = mode_coverage([0, 0, 2, 2], 4)
    assert reached == 2 and divergence == pytest.approx(np.log(2))
    assert mode_coverage(np.arange(5), 5) == (5, pytest.approx(0))
    assert mode_coverage([3] * 7, 1000) == (1, pytest.approx(np.log(1000)))
    with pytest.raises(UserError, match=r"modes must lie in 0..3, but one is 4"):
        mode_coverage([0, 4], 4)


def test_modes_that_are_none_are_told():
    with pytest.raises(UserError, match="modes must lie in 0..3, but one is -1"):
        mode_coverage([0, -1], 4)
    with pytest.raises(UserError, match="the modes of no samples were given"):
        mode_coverage([], 4)
    for number in (0, 2.5, "a"):
        with pytest.raises(UserError, match=f"num_modes must be an integer .*, but is {number!r}"):
            mode_coverage([0], number)


def test_a_perfect_sampler_of_stacked_mnist_has_its_known_floor():
    """999 / (2 * 26,000) of sampling and .004 since MNIST's digits are not equally frequent."""
    frequencies = np.array(MNIST_COUNTS) / sum(MNIST_COUNTS)
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        digits = rng.choice(10, size=[STACKED_SAMPLES, 3], p=frequencies)
        images = np.broadcast_to(digits[:, None, None].astype(np.uint8), [STACKED_SAMPLES, 2, 2, 3])

        def perfect(channel):
            assert channel.shape[1:] == (2, 2, 1)
            return channel[:, 0, 0, 0].astype(int)

        modes = stacked_digits(images, perfect)
        np.testing.assert_array_equal(modes, digits @ [100, 10, 1])
        reached, divergence = mode_coverage(modes, STACKED_MODES)
        assert reached == 1000
        found.append(divergence)
    assert np.mean(found) == pytest.approx(0.0235, abs=0.001)


def test_stacked_digits_have_three_channels():
    with pytest.raises(UserError, match="stacked digits have 3 channels"):
        stacked_digits(np.zeros([2, 28, 28, 1], np.uint8), None)


@pytest.mark.parametrize(("name", "modes"), [("ring_of_gaussians", 8), ("grid_of_gaussians", 25)])
def test_a_perfect_sampler_of_gaussians_reaches_all_modes(name, modes):
    mixture = GAUSSIANS[name]
    shares, divergences = [], []
    for seed in range(10):
        points, _ = mixture.draw(2500, np.random.default_rng(seed))
        reached, share, divergence = gaussian_coverage(points, mixture.centres, mixture.sigma)
        assert reached == modes
        shares.append(share)
        divergences.append(divergence)
    assert np.mean(shares) == pytest.approx(1 - np.exp(-4.5), abs=0.002)
    assert np.mean(divergences) == pytest.approx((modes - 1) / 5000, rel=0.6)


def test_what_lies_far_from_a_mode_does_not_reach_it():
    ring, grid = GAUSSIANS.values()
    centres, sigma = ring.centres, ring.sigma
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1)
    assert len(grid.centres) == 25 and set(grid.centres.ravel()) == {-4, -2, 0, 2, 4}
    points = np.concatenate([np.repeat(centres[:2], 50, axis=0), 5 * centres])
    assert gaussian_coverage(points, centres, sigma) == (
        2,
        pytest.approx(100 / 108),
        pytest.approx(np.log(4)),
    )
    assert gaussian_coverage(5 * centres, centres, sigma) == (0, 0.0, float("inf"))
    edge = centres[:1] * (1 + 2.99 * sigma), centres[:1] * (1 + 3.01 * sigma)
    assert [gaussian_coverage(p, centres, sigma)[1] for p in edge] == [1, 0]
