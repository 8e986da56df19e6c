"""The game is the paper's: each loss, each gradient, the order of the moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import GAN
from tfgen.models.gan import GENERATOR_LOSSES, discriminator_loss


def small(**arguments):
    keras.utils.set_random_seed(0)
    return GAN((4, 4, 1), 3, (8,), (8,), **arguments)


def some_images(n):
    return np.random.default_rng(0).integers(0, 256, [n, 4, 4, 1], dtype=np.uint8)


def test_losses_are_the_formulas_of_the_paper():
    real, fake = np.float32([-2.0, 0.0, 3.0]), np.float32([1.0, -4.0, 0.5])
    d_real, d_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    np.testing.assert_allclose(
        discriminator_loss(real, fake), -(np.log(d_real) + np.log(1 - d_fake)), rtol=1e-5
    )
    np.testing.assert_allclose(GENERATOR_LOSSES["minimax"](fake), np.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(GENERATOR_LOSSES["non_saturating"](fake), -np.log(d_fake), rtol=1e-5)


def test_losses_stay_finite_where_a_player_is_certain():
    certain = tf.constant([-1e4, 1e4])
    for loss in (
        discriminator_loss(certain, certain),
        *(f(certain) for f in GENERATOR_LOSSES.values()),
    ):
        assert np.all(np.isfinite(loss))


def test_minimax_saturates_where_the_discriminator_wins_and_the_other_form_does_not():
    logits = tf.Variable([-10.0])
    gradients = {}
    for game, loss in GENERATOR_LOSSES.items():
        with tf.GradientTape() as tape:
            value = loss(logits)
        gradients[game] = float(tape.gradient(value, logits)[0])
    assert abs(gradients["minimax"]) < 1e-4
    np.testing.assert_allclose(gradients["non_saturating"], -1, atol=1e-4)


@pytest.mark.parametrize("game", GENERATOR_LOSSES)
def test_each_move_follows_its_own_gradient_with_the_discriminator_first(game):
    rate = 0.1
    model = small(game=game)
    model.compile(keras.optimizers.SGD(rate), seed=4)
    images = some_images(6)
    twin = small(game=game)
    model.train_on_batch(images)

    from tfgen.sampling.noise import StepNoise

    noise = StepNoise(4, 0)
    first, second = noise.normal([6, 3]), noise.normal([6, 3])
    assert np.any(first != second)

    def logits(x):
        return twin.discriminator(x)[:, 0]

    real = tf.cast(images, tf.float32) / 127.5 - 1
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            tf.math.softplus(-logits(real)) + tf.math.softplus(logits(twin.generator(first)))
        )
    d_variables = twin.discriminator.trainable_variables
    for variable, gradient in zip(d_variables, tape.gradient(loss, d_variables), strict=True):
        variable.assign(variable - rate * gradient)
    with tf.GradientTape() as tape:  # against the discriminator that has moved, with fresh noise
        loss = tf.reduce_mean(GENERATOR_LOSSES[game](logits(twin.generator(second))))
    g_variables = twin.generator.trainable_variables
    for variable, gradient in zip(g_variables, tape.gradient(loss, g_variables), strict=True):
        variable.assign(variable - rate * gradient)
    for part in ("discriminator", "generator"):
        pairs = zip(getattr(model, part).weights, getattr(twin, part).weights, strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_averaged_generator_follows_with_its_half_life_batch_statistics_included():
    model = small(average_half_life=32, network="convolutional")
    model.compile(keras.optimizers.SGD(0.1))
    before = [np.array(v) for v in model.averaged_generator.variables]
    model.train_on_batch(some_images(16))
    decay = 0.5 ** (16 / 32)
    names = set()
    for old, average, new in zip(
        before, model.averaged_generator.variables, model.generator.variables, strict=True
    ):
        np.testing.assert_allclose(average, decay * old + (1 - decay) * np.array(new), atol=1e-6)
        names.add(average.name)
    assert {"moving_mean", "moving_variance"} <= names


def test_samples_come_from_the_averaged_generator_in_inference_mode():
    model = small(network="convolutional")
    model.generator.set_weights([w * 0 for w in model.generator.get_weights()])
    assert model.sample(4).std() > 0
    alone = model.sample(1, seed=2)
    np.testing.assert_array_equal(alone[0], model.sample(4)[2])  # no batch statistics


def test_a_game_learns_a_distribution_of_two_images():
    """Half dark, half bright images: after training, samples are of both kinds and none between."""
    model = GAN((2, 2, 1), 4, (32,), (32,), average_half_life=500)
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), steps_per_execution=50)
    images = np.repeat(np.uint8([20, 220]), 64)[:, None, None, None] * np.ones(
        [1, 2, 2, 1], np.uint8
    )
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(128, seed=0).repeat().batch(32)
    model.fit(data, steps_per_epoch=1500, verbose=0, shuffle=False)
    brightness = model.sample(500).mean(axis=(1, 2, 3))
    dark, bright = np.mean(np.abs(brightness - 20) < 40), np.mean(np.abs(brightness - 220) < 40)
    assert dark > 0.2 and bright > 0.2 and dark + bright > 0.8


def test_unknown_games_and_optimizers_are_refused():
    with pytest.raises(UserError, match="game must be one of minimax, non_saturating"):
        small(game="zero_sum")
    with pytest.raises(UserError, match="compile.. got critic_optimizer"):
        small().compile("adam", critic_optimizer="adam")
