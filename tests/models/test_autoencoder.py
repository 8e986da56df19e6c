"""The loss is the squared error, and samples come from the density of the codes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import Autoencoder


def small(**arguments):
    keras.utils.set_random_seed(0)
    return Autoencoder((4, 4, 1), latent_dim=2, hidden=(16,), **arguments)


def some_images(n):
    return np.random.default_rng(0).integers(0, 256, [n, 4, 4, 1], dtype=np.uint8)


def test_the_loss_is_the_squared_error_summed_over_the_image():
    model = small()
    images = some_images(5)
    x = images / 127.5 - 1
    error = np.asarray(model.decoder(model.encoder(x))) - x
    loss = model.losses(tf.constant(images), None, None, training=True)["loss"]
    np.testing.assert_allclose(loss, np.sum(error**2, axis=(1, 2, 3)), rtol=1e-4)


def test_the_density_is_that_of_the_codes():
    model = small(num_components=2)
    codes = np.concatenate(
        [
            np.random.default_rng(0).normal([5, 0], [1, 0.1], size=[3000, 2]),
            np.random.default_rng(1).normal([-5, 2], [0.2, 1], size=[1000, 2]),
        ]
    )
    model.density.fit(codes, seed=0)
    uniforms, normals = model.noise(np.arange(20_000))
    drawn = np.asarray(model.density.draw(uniforms, normals))
    right = drawn[:, 0] > 0
    np.testing.assert_allclose(right.mean(), 0.75, atol=0.02)
    np.testing.assert_allclose(drawn[right].mean(axis=0), [5, 0], atol=0.05)
    np.testing.assert_allclose(drawn[~right].mean(axis=0), [-5, 2], atol=0.08)
    np.testing.assert_allclose(drawn[right].std(axis=0), [1, 0.1], rtol=0.1)
    np.testing.assert_allclose(drawn[~right].std(axis=0), [0.2, 1], rtol=0.1)


def test_sampling_before_a_density_is_fitted_is_refused():
    model = small()
    with pytest.raises(UserError, match="has no prior to sample from; call fit_density"):
        model.sample(1)
    with pytest.raises(UserError, match="2 images are too few to fit 3 Gaussians"):
        small(num_components=3).fit_density(some_images(2))
    model.fit_density(some_images(20))
    assert model.sample(3).shape == (3, 4, 4, 1)


def test_reconstruction_improves_with_training():
    model = small()
    images = some_images(8).repeat(8, axis=0)
    model.adapt(images)
    model.compile(keras.optimizers.Adam(1e-2))
    before = np.mean((images.astype(float) - model.reconstruct(images).numpy()) ** 2)
    model.fit(images, epochs=60, batch_size=64, verbose=0)
    after = np.mean((images.astype(float) - model.reconstruct(images).numpy()) ** 2)
    assert after < 0.7 * before
