"""The ELBO and its importance-weighted cousin bound the right number, from the right side."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError
from tfgen.images import to_unit
from tfgen.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    Normal,
)
from tfgen.models import VAE


def small(likelihood=None, **arguments):
    likelihood = likelihood or DiscretizedLogisticMixture(17, 1)
    return VAE((4, 3, 1), latent_dim=2, hidden=(8,), likelihood=likelihood, **arguments)


def images_of(levels, n, shape=(4, 3, 1)):
    from tfgen.images import grid

    rng = np.random.default_rng(0)
    return grid(levels)[rng.integers(0, levels, [n, *shape])]


def linear_gaussian():
    """A VAE whose decoder is x = W z + b + noise, so that log p(x) is a Gaussian's.

    A dense layer that cannot switch off, its ReLU lifted far above zero and the lift taken off
    again, makes the decoder linear; the scale is constant.
    """
    model = VAE((2, 2, 1), latent_dim=2, hidden=(2,), likelihood=Normal(256))
    rng = np.random.default_rng(3)
    lift = 50.0
    hidden, output = (layer for layer in model.decoder.layers if layer.weights)
    hidden.kernel.assign(np.eye(2))
    hidden.bias.assign([lift, lift])
    loadings = rng.normal(size=[2, 4]) * 0.4
    kernel, bias = np.zeros([2, 8]), np.zeros([8])
    kernel[:, 0::2] = loadings
    bias[0::2] = 0.1 - lift * loadings.sum(axis=0)
    bias[1::2] = np.log(0.3)
    output.kernel.assign(kernel)
    output.bias.assign(bias)
    # Points of [0, 1]: mean (W z + b + 1) / 2, noise 0.3.
    loadings = loadings / 2
    covariance = loadings.T @ loadings + 0.09 * np.eye(4)
    exact = tfd.MultivariateNormalTriL(
        np.full(4, 0.55, np.float32), np.linalg.cholesky(covariance).astype(np.float32)
    )
    return model, exact


def test_the_importance_weighted_bound_meets_the_exact_likelihood():
    model, exact = linear_gaussian()
    images = images_of(256, 6, (2, 2, 1))
    expected = exact.log_prob(images.reshape(6, 4) / np.float32(255))
    seeds = np.arange(6)
    found = model.log_prob_bound(images, seeds, 20_000)
    np.testing.assert_allclose(found, expected, atol=0.1)
    # The weighted mean of log-weights, a number that is often reported, would look better.
    assert np.mean(model.elbo(images, seeds)) < np.mean(expected) - 0.05


def test_the_bound_rises_with_the_number_of_samples():
    model, _ = linear_gaussian()
    images = np.repeat(images_of(256, 4, (2, 2, 1)), 200, axis=0)
    seeds = np.arange(len(images))
    means = [np.mean(model.log_prob_bound(images, seeds, k)) for k in (1, 5, 50)]
    assert means[0] < means[1] < means[2]


def test_bounds_do_not_depend_on_the_batch():
    model = small()
    images, seeds = images_of(17, 6), np.arange(6)
    together = model.log_prob_bound(images, seeds, 10)
    alone = [model.log_prob_bound(images[k : k + 1], seeds[k : k + 1], 10)[0] for k in range(6)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_kl_equals_its_monte_carlo_estimate():
    model = small()
    images = images_of(17, 1)
    posterior = model.posterior(images)
    codes = posterior.sample(100_000, seed=1)
    estimates = posterior.log_prob(codes) - model.prior_at(0, []).log_prob(codes)
    error = np.std(estimates) / np.sqrt(len(estimates))
    kl = posterior.kl_divergence(model.prior_at(0, []))
    assert float(kl[0]) > 0
    np.testing.assert_allclose(np.mean(estimates), kl[0], atol=5 * error)


def test_the_loss_is_the_negative_elbo_summed_over_pixels_and_codes():
    model = small(Bernoulli())
    images = images_of(2, 5)

    class Zero:
        def normal(self, shape):
            return tf.zeros(shape)

    losses = model.losses(images, None, Zero(), training=False)
    posterior = model.posterior(images)
    logits = np.asarray(model.decoder(posterior.mean()), np.float64)
    x = images / 255
    log_likelihood = np.sum(x * logits - np.logaddexp(0, logits), axis=(1, 2, 3))
    mean, scale = np.asarray(posterior.mean()), np.asarray(posterior.stddev())
    kl = np.sum((mean**2 + scale**2 - 1) / 2 - np.log(scale), axis=1)
    np.testing.assert_allclose(losses["reconstruction"], -log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(losses["kl"], kl, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(losses["loss"], kl - log_likelihood, rtol=1e-4)


def test_the_log_variance_is_bounded():
    model = small()
    for layer in model.encoder.layers:
        for weight in layer.weights:
            weight.assign(weight * 1e4 + 1e3)
    posterior = model.posterior(images_of(17, 3))
    assert np.all(np.isfinite(posterior.kl_divergence(model.prior_at(0, []))))


@pytest.mark.parametrize(
    "likelihood", [Bernoulli(), Categorical(5), ContinuousBernoulli(), Normal()], ids=repr
)
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_training_starts_at_the_mean_image(likelihood, network):
    model = VAE((4, 3, 3), 2, (8, 8), network, likelihood)
    images = images_of(likelihood.levels, 50, (4, 3, 3))
    images[:40, :2, ..., 1:] = 0
    model.adapt(images)
    output = model.decoder.get_layer("output")
    output.kernel.assign(tf.zeros_like(output.kernel))
    first = likelihood.mean(model.decoder(tf.zeros([1, 2])))[0]
    mean = to_unit(images).numpy().mean(axis=0 if network == "dense" else (0, 1, 2))
    assert np.ptp(mean) > 0.3
    np.testing.assert_allclose(first, np.broadcast_to(mean, first.shape), atol=1e-3)


def test_encoding_and_reconstruction_are_deterministic_and_interpolation_has_its_ends():
    model = small()
    images = images_of(17, 4)
    np.testing.assert_array_equal(model.encode(images), model.encode(images))
    np.testing.assert_array_equal(model.reconstruct(images), model.decode(model.encode(images)))
    lines = model.interpolate(images[:2], images[2:], 5)
    assert lines.shape == (2, 5, 4, 3, 1)
    np.testing.assert_array_equal(lines[:, 0], model.reconstruct(images[:2]))
    np.testing.assert_array_equal(lines[:, -1], model.reconstruct(images[2:]))


def test_wrong_requests_are_refused():
    model = small()
    images = images_of(17, 2)
    for number in (0, 2.5):
        with pytest.raises(UserError, match="num_samples must be an integer of at least 1, but is"):
            model.log_prob_bound(images, [0, 1], number)
        with pytest.raises(UserError, match="chunk_size must be an integer of at least 1, but is"):
            model.log_prob_bound(images, [0, 1], 5, chunk_size=number)
    scores = (model.elbo, model.rate_distortion, lambda *given: model.log_prob_bound(*given, 5))
    for score in scores:
        for seeds in ([0], [0, 1, 2], 0, [0.0, 1.0]):
            with pytest.raises(UserError, match=r"seeds must be integers of shape \[2\], one for"):
                score(images, seeds)
    with pytest.raises(UserError, match=r"latents must be floats of shape \[batch, 2\]"):
        model.decode(np.zeros([1, 3], np.float32))
    with pytest.raises(UserError, match="two batches of one shape"):
        model.interpolate(images, images[:1], 3)
    for steps in (1, "3", None):
        with pytest.raises(UserError, match="steps must be an integer of at least 2, but is"):
            model.interpolate(images, images, steps)
    ragged = [images[0].tolist(), images[1, 1:].tolist()]
    for pair in ((ragged, images), (images, ragged)):
        with pytest.raises(UserError, match="^images must be uint8 of shape .*, but are no array"):
            model.interpolate(*pair, 3)
    with pytest.raises(UserError, match="network must be one of dense, convolutional"):
        small(network="transformer")
    off = images + 3
    for call in (
        lambda: model.elbo(off, [0, 1]),
        lambda: model.posterior(off),
        lambda: model.interpolate(off, images, 3),
        lambda: model.traverse(off, [0], [1.0]),
        lambda: model.active_units(off),
    ):
        with pytest.raises(UserError, match="off the model's grid of 17 levels"):
            call()
    with pytest.raises(UserError, match="images must be uint8"):
        model.posterior(images / 255)


def test_images_off_the_grid_are_told_from_within_graphs_too():
    model = small(Bernoulli())
    model.compile("adam")
    grey = np.full([2, 4, 3, 1], 7, np.uint8)
    sentence = "^the images hold pixel values off the model's grid of 2 levels"
    with pytest.raises(UserError, match=sentence):
        model.evaluate(grey, verbose=0)
    with pytest.raises(UserError, match=sentence):
        model.log_prob_bound(grey, seeds=[0, 1], num_samples=2)
