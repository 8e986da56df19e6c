"""The loss is the squared error, samples come from the codes' density, corruption only trains."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import data
from tfgen.errors import UserError
from tfgen.images import to_unit
from tfgen.models import Autoencoder
from tfgen.models.autoencoder import CORRUPTIONS
from tfgen.sampling.noise import StepNoise


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


def test_it_starts_at_no_images_that_it_cannot_learn():
    for images in (some_images(3) / 255, some_images(3)[:, 1:]):
        for network in ("dense", "convolutional"):
            with pytest.raises(UserError, match="^images must be uint8 of shape"):
                small(network=network).adapt(images)


def test_reconstruction_improves_with_training():
    model = small()
    images = some_images(8).repeat(8, axis=0)
    model.adapt(images)
    model.compile(keras.optimizers.Adam(1e-2))
    before = np.mean((images.astype(float) - model.reconstruct(images).numpy()) ** 2)
    model.fit(images, epochs=60, batch_size=64, verbose=0)
    after = np.mean((images.astype(float) - model.reconstruct(images).numpy()) ** 2)
    assert after < 0.7 * before


def seen_by_the_encoder(model, images, training):
    """Return what the encoder is given by `losses`, and the loss."""
    seen, encoder = [], model.encoder

    class Spy:
        def __call__(self, x):
            seen.append(np.asarray(x))
            return encoder(x)

    object.__setattr__(model, "encoder", Spy())
    try:
        loss = model.losses(tf.constant(images), None, StepNoise(0, 0), training)["loss"]
    finally:
        object.__setattr__(model, "encoder", encoder)
    return seen[0], np.asarray(loss)


def test_wrong_requests_are_refused():
    with pytest.raises(UserError, match="latent_dim must be an integer of at least 1, but is 0"):
        Autoencoder((4, 4, 1), latent_dim=0)
    model = small()
    model.fit_density(some_images(20))
    with pytest.raises(UserError, match="unconditional; leave out the labels"):
        model.decode(np.zeros([1, 2], np.float32), labels=7)
    with pytest.raises(UserError, match="unconditional; leave out the labels"):
        model.generate(model.noise([0]), labels=7)


@pytest.mark.parametrize(("kind", "level"), [("gaussian", 0.4), ("masking", 0.3)])
def test_corruption_reaches_the_encoder_in_training_alone_and_the_target_is_clean(kind, level):
    model = small(corruption=kind, corruption_level=level)
    images = np.maximum(some_images(200), 1)  # no pixel is black before it is masked
    clean = np.asarray(to_unit(images))
    seen, _ = seen_by_the_encoder(model, images, training=False)
    np.testing.assert_array_equal(seen, clean)
    seen, loss = seen_by_the_encoder(model, images, training=True)
    changed = seen != clean
    if kind == "gaussian":
        np.testing.assert_allclose(np.std(seen - clean), level, rtol=0.05)
        np.testing.assert_allclose(np.mean(seen - clean), 0, atol=0.03)
    else:
        np.testing.assert_allclose(changed.mean(), level, rtol=0.1)
        assert np.all(seen[changed] == -1)
    error = clean - np.asarray(model.decoder(model.encoder(seen)))
    np.testing.assert_allclose(loss, np.sum(error**2, axis=(1, 2, 3)), rtol=1e-4)


def test_a_pixel_is_masked_in_all_channels():
    x = tf.ones([50, 4, 4, 3])
    masked = np.asarray(CORRUPTIONS["masking"](x, 0.5, StepNoise(0, 0))) == -1
    np.testing.assert_array_equal(masked.all(axis=-1), masked.any(axis=-1))
    assert 0.4 < masked.mean() < 0.6


@pytest.mark.parametrize(("kind", "level"), [("gaussian", 1.0), ("masking", 0.5)])
def test_a_denoising_autoencoder_mends_digits_better_than_a_plain_one(kind, level):
    digits = data.load("digits", levels=17)
    train, test = digits.images("train"), digits.images("test")
    rng = np.random.default_rng(0)
    if kind == "gaussian":
        noise = rng.normal(scale=level * 127.5, size=test.shape)
        corrupted = np.clip(np.round(test + noise), 0, 255).astype(np.uint8)
    else:
        corrupted = np.where(rng.random(test.shape) < level, 0, test).astype(np.uint8)

    def error(**arguments):
        keras.utils.set_random_seed(0)
        model = Autoencoder((8, 8, 1), latent_dim=16, hidden=(128,), **arguments)
        model.adapt(train)
        model.compile(keras.optimizers.Adam(2e-3))
        model.fit(train, epochs=12, batch_size=64, verbose=0)
        mended = model.reconstruct(corrupted).numpy()
        return np.mean((mended / 255.0 - test / 255.0) ** 2)

    denoising, plain = error(corruption=kind, corruption_level=level), error()
    assert denoising < 0.9 * plain


@pytest.mark.parametrize(
    ("corruption", "level", "sentence"),
    [
        ("salt", 0.1, "corruption must be None or one of gaussian, masking, but is 'salt'"),
        ("gaussian", 0.0, "corruption_level must be a number in (0, inf), but is 0.0"),
        ("gaussian", np.inf, "must be a number in (0, inf)"),
        ("gaussian", np.nan, "must be a number in (0, inf)"),
        ("masking", 1.0, "corruption_level must be a number in (0, 1), but is 1.0"),
        ("masking", -0.1, "must be a number in (0, 1)"),
        (None, 0.1, "corruption_level is 0.1, but no corruption is given"),
    ],
)
def test_corruptions_that_make_no_sense_are_refused(corruption, level, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        small(corruption=corruption, corruption_level=level)


def test_a_configuration_from_before_there_was_corruption_loads():
    config = small().get_config()
    del config["corruption"], config["corruption_level"]
    assert Autoencoder.from_config(config).corruption is None
