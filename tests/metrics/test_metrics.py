"""Distances against closed forms, and scores that count every image once."""

import functools
import re

import numpy as np
import pytest

from tfgen import data, metrics
from tfgen.errors import UserError
from tfgen.likelihoods import Categorical, Normal
from tfgen.metrics import density_coverage, frechet_distance, kernel_distance
from tfgen.metrics.log_likelihood import bits_per_dim, mean_score
from tfgen.models import VAE, VQVAE


def moments_exactly(rng, n, mean, covariance):
    """Draw features whose sample mean and covariance are exactly these."""
    x = rng.normal(size=[n, len(mean)])
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_gaussians_has_its_closed_form():
    rng = np.random.default_rng(0)
    one = moments_exactly(rng, 500, np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    two = moments_exactly(rng, 400, np.array([1.0, 2.0, 0.0]), np.diag([4.0, 4.0, 1.0]))
    # |m|^2 + sum (s1 - s2)^2
    np.testing.assert_allclose(frechet_distance(one, two), 5 + 1 + 0 + 4, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(one, one), 0, atol=1e-9)
    # Covariances that do not commute, where a root taken of each alone would be wrong.
    a, b = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[1.0, -0.5], [-0.5, 3.0]])
    values, vectors = np.linalg.eig(a @ b)
    root = (vectors * np.sqrt(values)) @ np.linalg.inv(vectors)
    expected = np.trace(a) + np.trace(b) - 2 * np.trace(root)
    zero = np.zeros(2)
    found = frechet_distance(moments_exactly(rng, 300, zero, a), moments_exactly(rng, 300, zero, b))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_frechet_distance_needs_more_samples_than_dimensions():
    with pytest.raises(UserError, match="5 dimensions needs more samples"):
        frechet_distance(np.zeros([5, 5]), np.zeros([50, 5]))


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, density_coverage])
def test_sets_of_other_dimensions_do_not_compare(measure):
    with pytest.raises(UserError, match=r"are of shapes \[30, [34]\] and \[30, [34]\]"):
        measure(np.zeros([30, 3]), np.zeros([30, 4]))


def test_frechet_distance_needs_no_copy_of_all_samples(monkeypatch):
    rng = np.random.default_rng(0)
    one = (rng.normal(size=[700, 6]) + 1000).astype(np.float32)
    two = (rng.normal(size=[500, 6]) * 2 + 1001).astype(np.float32)
    whole = frechet_distance(one, two)
    monkeypatch.setattr("tfgen.metrics.frechet.BLOCK", 64)
    np.testing.assert_allclose(frechet_distance(one, two), whole, rtol=1e-9)
    one, two = one.astype(np.float64), two.astype(np.float64)
    np.testing.assert_allclose(frechet_distance(one, two), whole, rtol=1e-9)


def test_kernel_distance_needs_pairs():
    with pytest.raises(UserError, match="at least 2 samples a set, but has 1 and 9"):
        kernel_distance(np.zeros([1, 3]), np.zeros([9, 3]))


def test_kernel_distance_is_unbiased_and_does_not_depend_on_blocks():
    rng = np.random.default_rng(0)
    same = [kernel_distance(rng.normal(size=[50, 4]), rng.normal(size=[30, 4])) for _ in range(300)]
    assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0
    one, two = rng.normal(size=[70, 4]), rng.normal(size=[60, 4]) + 1
    far = kernel_distance(one, two)
    assert far > 1
    np.testing.assert_allclose(kernel_distance(one, two, block=17), far, rtol=1e-12)


def test_kernel_distance_equals_its_definition():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=[5, 3]), rng.normal(size=[4, 3])

    def k(a, b):
        return (a @ b / 3 + 1) ** 3

    within_x = np.mean([k(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
    within_y = np.mean([k(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    between = np.mean([k(a, b) for a in x for b in y])
    np.testing.assert_allclose(kernel_distance(x, y), within_x + within_y - 2 * between)


@pytest.mark.parametrize("batch_size", [7, 128, 300])
def test_a_mean_counts_every_image_once_whatever_the_batch(batch_size):
    digits = data.load("digits", levels=17)
    images = digits.images("test").astype(np.float64).mean(axis=(1, 2, 3))

    def brightness(batch, labels, seeds):
        return np.asarray(batch, np.float64).mean(axis=(1, 2, 3))

    mean, error, n = mean_score(brightness, digits, "test", batch_size)
    np.testing.assert_allclose([mean, n], [images.mean(), 300])
    np.testing.assert_allclose(error, images.std(ddof=1) / np.sqrt(300))
    few, sizes = data.load("digits", levels=17, limit=6), []
    mean_score(lambda x, *_: sizes.append(len(x)) or brightness(x, *_), few, "test", batch_size)
    assert sizes == [6]


def test_bounds_on_a_density_are_called_so_and_stand_in_nats_alone():
    model = VAE((8, 8, 1), 2, (8,), likelihood=Normal(17))
    digits = data.load("digits", levels=17, limit=20)
    figures = metrics.evaluate(model, digits, importance_samples=2, sampling_seeds=1)
    bounds = [name for name in figures if "on a density" in name]
    assert bounds == ["importance-weighted bound on a density, k=2", "negative ELBO on a density"]
    assert all("log-density" in figures[name]["protocol"] for name in bounds)
    assert not any(figure["unit"] == "bits/dim" for figure in figures.values())


def test_an_evaluation_shows_how_far_it_is(capsys, caplog, monkeypatch):
    model = VAE((8, 8, 1), 2, (8,), likelihood=Categorical(17))
    digits = data.load("digits", levels=17, limit=130)
    bound = "importance-weighted bound, k=2"
    evaluate = functools.partial(metrics.evaluate, model, importance_samples=2, sampling_seeds=1)
    with caplog.at_level("INFO", "absl"):
        evaluate(digits)
    assert f"{bound}: 130 images" in caplog.text and "samples: 130 images" in caplog.text
    assert bound not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    evaluate(digits)
    captured = capsys.readouterr()
    for stage in (bound, "samples"):
        assert re.search(rf"{stage}.*130/130", captured.err)
    assert captured.out == ""


def test_a_protocol_of_one_image_says_so():
    model = VAE((8, 8, 1), 2, (8,), likelihood=Categorical(17))
    one = data.load("digits", levels=17, limit=1)
    figures = metrics.evaluate(model, one, importance_samples=2, sampling_seeds=1)
    assert figures["negative ELBO"]["protocol"].endswith("; the one image of split test")


def test_a_vq_vae_has_its_rate_and_the_codes_that_it_uses():
    model = VQVAE((8, 8, 1), 2, 4, (4, 4, 4), 0, 0.25, 0.99, Categorical(17), 4, 1)
    digits = data.load("digits", levels=17, limit=20)
    figures = metrics.evaluate(model, digits, sampling_seeds=1)
    images = digits.images("test")
    rate, distortion = (np.mean(part) for part in model.rate_distortion(images))
    np.testing.assert_allclose(figures["rate"]["value"], rate, rtol=1e-5)
    np.testing.assert_allclose(figures["negative ELBO"]["value"], rate + distortion, rtol=1e-5)
    used = figures["codes in use"]
    assert (used["value"], used["unit"]) == (len(np.unique(model.codes(images))), "of 4")
    assert used["n"] == len(images) == 20
    assert used["protocol"].endswith("; the first 20 images of split test")  # it is cut to them


def test_bits_per_dim():
    assert bits_per_dim(64 * np.log(2), (8, 8, 1)) == pytest.approx(1)
