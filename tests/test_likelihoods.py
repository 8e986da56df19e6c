"""Pixel likelihoods are normalised, agree with quantile and mean, and have finite gradients."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError
from tfgen.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    Normal,
)

DISCRETE = [
    (Bernoulli(), 1),
    (Bernoulli(), 3),
    (Categorical(5), 1),
    (Categorical(4), 3),
    (DiscretizedLogisticMixture(17, 3), 1),
    (DiscretizedLogisticMixture(256, 2), 1),
    (DiscretizedLogisticMixture(5, 3), 3),
]
CONTINUOUS = [(ContinuousBernoulli(), 1), (Normal(), 3)]


def parameters_of(likelihood, channels, *batch, scale=2.0, seed=0):
    shape = [*batch, likelihood.num_parameters(channels)]
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def all_pixels(likelihood, channels):
    return np.array(list(itertools.product(range(likelihood.levels), repeat=channels)))


def probabilities_of(likelihood, channels, parameters):
    """Return p(pixel) for every pixel [n, channels] and one parameter vector."""
    pixels = all_pixels(likelihood, channels)
    repeated = np.repeat(parameters[None], len(pixels), axis=0)
    return pixels, np.exp(np.sum(likelihood.log_prob(repeated, pixels), axis=-1, dtype=np.float64))


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE, ids=repr)
def test_probabilities_over_all_levels_sum_to_one(likelihood, channels):
    for seed in range(3):
        parameters = parameters_of(likelihood, channels, seed=seed)
        _, probabilities = probabilities_of(likelihood, channels, parameters)
        np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE, ids=repr)
def test_quantile_of_uniforms_draws_from_the_distribution(likelihood, channels):
    parameters = parameters_of(likelihood, channels)
    pixels, probabilities = probabilities_of(likelihood, channels, parameters)
    n = 50_000
    uniforms = np.random.default_rng(1).uniform(size=[n, channels]).astype(np.float32)
    drawn = likelihood.quantile(np.repeat(parameters[None], n, axis=0), tf.constant(uniforms))
    place = likelihood.levels ** np.arange(channels)[::-1]
    counts = np.bincount(np.sum(drawn * place, axis=-1), minlength=len(pixels))
    error = np.sqrt(probabilities * (1 - probabilities) / n)
    np.testing.assert_array_less(np.abs(counts / n - probabilities), 5 * error + 2e-4)


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE, ids=repr)
def test_cold_there_is_one_level_whatever_the_uniform(likelihood, channels):
    parameters = parameters_of(likelihood, channels, 100, scale=0.5)
    uniforms = np.random.default_rng(1).uniform(size=[20, 100, channels]).astype(np.float32)
    cold = likelihood.quantile(np.repeat(parameters[None], 20, axis=0), uniforms, 1e-6).numpy()
    np.testing.assert_array_equal(cold, np.repeat(cold[:1], 20, axis=0))
    if not likelihood.joint_channels:
        every = [np.full([100, channels], level) for level in range(likelihood.levels)]
        scores = [likelihood.log_prob(parameters, levels) for levels in every]
        np.testing.assert_array_equal(cold[0], np.argmax(scores, axis=0))
        return
    # At the mean of the heaviest component, given the channels before.
    rows = parameters.reshape(100, -1, likelihood.num_mixtures)
    rows = rows[np.arange(100), :, rows[:, 0].argmax(axis=1)]
    values = 2 * cold[0] / (likelihood.levels - 1) - 1
    means = rows[:, 1 : 1 + channels].astype(np.float64)
    for pair, (channel, before) in enumerate([(1, 0), (2, 0), (2, 1)][: rows.shape[1] - 3]):
        shift = np.tanh(rows[:, 1 + 2 * channels + pair]) * values[:, before]
        means[:, channel] += shift
    levels = np.clip(np.round((means + 1) / 2 * (likelihood.levels - 1)), 0, likelihood.levels - 1)
    np.testing.assert_array_equal(cold[0], levels)


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE, ids=repr)
def test_quantile_takes_the_ends_of_the_unit_interval(likelihood, channels):
    parameters = parameters_of(likelihood, channels, 100, scale=4.0)
    for end in (0.0, np.nextafter(np.float32(1), np.float32(0))):
        levels = likelihood.quantile(parameters, tf.fill([100, channels], np.float32(end)))
        assert np.min(levels) >= 0 and np.max(levels) < likelihood.levels


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE, ids=repr)
def test_mean_is_the_expected_value(likelihood, channels):
    parameters = parameters_of(likelihood, channels)
    pixels, probabilities = probabilities_of(likelihood, channels, parameters)
    expected = probabilities @ (2 * pixels / (likelihood.levels - 1) - 1)
    # On colour the mixture's mean is documented as approximate.
    tolerance = 0.1 if likelihood.joint_channels and channels > 1 else 1e-4
    np.testing.assert_allclose(likelihood.mean(parameters[None])[0], expected, atol=tolerance)


@pytest.mark.parametrize("likelihood", [ContinuousBernoulli(4096), Normal(4096)], ids=repr)
def test_continuous_densities_integrate_to_one_and_match_their_mean(likelihood):
    parameters = tf.constant([[[1.3]], [[-0.02]], [[-4.0]]])
    if isinstance(likelihood, Normal):
        parameters = tf.constant([[[0.2, -3.0]], [[0.0, -2.5]], [[-0.3, -4.0]]])
    density = np.exp(likelihood.log_prob(parameters, np.arange(4096)[None, :, None]))[..., 0]
    points = np.linspace(0, 1, 4096)
    np.testing.assert_allclose(np.trapezoid(density, points, axis=1), 1, atol=1e-3)
    mean = np.trapezoid(density * points, points, axis=1)
    np.testing.assert_allclose(likelihood.mean(parameters)[:, 0, 0], 2 * mean - 1, atol=2e-3)


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE + CONTINUOUS, ids=repr)
def test_gradients_stay_finite_far_from_the_data(likelihood, channels):
    parameters = tf.Variable(parameters_of(likelihood, channels, 500, scale=30.0))
    levels = np.random.default_rng(2).integers(0, likelihood.levels, [500, channels])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(likelihood.log_prob(parameters, levels))
    assert np.isfinite(total) and np.all(np.isfinite(tape.gradient(total, parameters)))


@pytest.mark.parametrize(
    ("likelihood", "channels"),
    [
        *DISCRETE,
        *CONTINUOUS,
        (Categorical(2), 1),
        (Categorical(256), 3),
        (ContinuousBernoulli(), 3),
    ],
    ids=repr,
)
def test_initial_bias_gives_the_mean_image(likelihood, channels):
    mean = np.linspace(0.01, 0.99, 6 * channels).reshape(2, 3, channels)
    bias = likelihood.initial_bias(mean)
    assert bias.shape == (2, 3, likelihood.num_parameters(channels))
    found = (likelihood.mean(tf.constant(bias)) + 1) / 2
    # The end levels cut a mixture's components off.
    tolerance = 0.15 if isinstance(likelihood, DiscretizedLogisticMixture) else 1e-3
    np.testing.assert_allclose(found, mean, atol=tolerance)
    # No logit is infinite, whatever the mean.
    for end in (0.0, 1.0):
        assert np.all(np.isfinite(likelihood.initial_bias(np.full([1, channels], end))))


def test_the_initial_bias_of_two_levels_is_the_logit():
    mean = np.array([[0.0], [0.13], [0.5], [0.8]])
    bias = Categorical(2).initial_bias(mean)
    np.testing.assert_allclose(np.diff(bias), Bernoulli().initial_bias(mean), atol=1e-3)


@pytest.mark.parametrize(("likelihood", "channels"), DISCRETE + CONTINUOUS, ids=repr)
def test_likelihoods_survive_serialisation(likelihood, channels):
    config = keras.saving.serialize_keras_object(likelihood)
    assert keras.saving.deserialize_keras_object(config) == likelihood


def test_discretized_logistic_equals_differences_of_cdfs():
    likelihood = DiscretizedLogisticMixture(17, 1)
    logit, mean, log_scale = 0.4, 0.1, -1.2
    cdf = tfd.Logistic((mean + 1) * 8.0, np.exp(log_scale) * 8.0).cdf(np.arange(16) + 0.5)
    expected = np.diff(np.concatenate([[0.0], cdf, [1.0]]))
    found = likelihood.log_prob(tf.constant([[logit, mean, log_scale]]), np.arange(17)[:, None])
    np.testing.assert_allclose(np.exp(found)[:, 0], expected, atol=1e-6)


def test_half_precision_parameters_give_float32_scores():
    for likelihood, channels in DISCRETE + CONTINUOUS:
        parameters = tf.cast(parameters_of(likelihood, channels, 3), tf.bfloat16)
        assert likelihood.log_prob(parameters, np.zeros([3, channels], int)).dtype == tf.float32


def test_impossible_arguments_are_refused():
    with pytest.raises(UserError, match="levels"):
        Categorical(1)
    with pytest.raises(UserError, match="levels"):
        DiscretizedLogisticMixture(levels=300)
    with pytest.raises(UserError, match="num_mixtures"):
        DiscretizedLogisticMixture(num_mixtures=0)
