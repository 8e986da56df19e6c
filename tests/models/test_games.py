"""Each game is its paper's: losses and penalties against numpy, gradients against differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import games
from tfgen.errors import UserError
from tfgen.games import (
    Game,
    Hinge,
    Judged,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    Wasserstein,
)
from tfgen.models import GAN
from tfgen.sampling.noise import StepNoise


def probability(logit):
    return 1 / (1 + np.exp(-logit))


# game: (the discriminator's loss, the generator's), of logits r of real and f of generated images
FORMULAS = {
    Minimax(): (
        lambda r, f: -(np.log(probability(r)) + np.log(1 - probability(f))),
        lambda r, f: np.log(1 - probability(f)),
    ),
    NonSaturating(): (
        lambda r, f: -(np.log(probability(r)) + np.log(1 - probability(f))),
        lambda r, f: -np.log(probability(f)),
    ),
    LeastSquares(): (
        lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2,
        lambda r, f: 0.5 * (f - 1) ** 2,
    ),
    Wasserstein(): (lambda r, f: f - r, lambda r, f: -f),
    Hinge(): (lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda r, f: -f),
    Relativistic(): (
        lambda r, f: np.log(1 + np.exp(-(r - f))),
        lambda r, f: np.log(1 + np.exp(-(f - r))),
    ),
}
every_game = pytest.mark.parametrize("game", FORMULAS, ids=repr)


def test_every_game_has_its_formula():
    assert {type(game) for game in FORMULAS} == set(games.GAMES.values())


@every_game
def test_losses_and_their_gradients_are_those_of_the_formula(game):
    rng = np.random.default_rng(0)
    real, fake = rng.normal(scale=2, size=[2, 40])
    losses = (game.discriminator_loss, game.generator_loss)
    for loss, formula in zip(losses, FORMULAS[game], strict=True):
        logits = [tf.constant(values, tf.float32) for values in (real, fake)]
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(*logits)
        np.testing.assert_allclose(value, formula(real, fake), rtol=1e-4, atol=1e-5)
        by_real, by_fake = tape.gradient(value, logits, unconnected_gradients="zero")
        h = 1e-6
        expected = (formula(real + h, fake) - formula(real - h, fake)) / (2 * h)
        np.testing.assert_allclose(by_real, expected, rtol=1e-4, atol=1e-5)
        expected = (formula(real, fake + h) - formula(real, fake - h)) / (2 * h)
        np.testing.assert_allclose(by_fake, expected, rtol=1e-4, atol=1e-5)


@every_game
def test_losses_stay_finite_where_a_player_is_certain(game):
    certain = tf.constant([-1e4, 1e4])
    for loss in (game.discriminator_loss, game.generator_loss):
        assert np.all(np.isfinite(loss(certain, certain[::-1])))


def test_minimax_saturates_where_the_discriminator_wins_and_the_other_form_does_not():
    logits = tf.constant([-10.0])
    gradients = []
    for game in (Minimax(), NonSaturating()):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = game.generator_loss(None, logits)
        gradients.append(float(tape.gradient(value, logits)[0]))
    assert abs(gradients[0]) < 1e-4
    np.testing.assert_allclose(gradients[1], -1, atol=1e-4)


# A discriminator of two layers, in numpy: logits sum_j w_j tanh(sum_i x_i W_ij).


def numpy_slopes(first, second, images):
    """The slope dD(x)/dx of each image, by differences, [b, pixels]."""

    def logits(x):
        return np.tanh(x @ first) @ second

    flat, h = images.reshape([len(images), -1]), 1e-5
    moved = h * np.eye(flat.shape[1])
    return np.stack([(logits(flat + m) - logits(flat - m)) / (2 * h) for m in moved], axis=1)


@pytest.mark.parametrize("game", [Wasserstein(7.0), Relativistic(0.3)], ids=repr)
def test_penalties_and_their_gradients_are_those_of_differences(game):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=[6, 4]), rng.normal(size=[4])
    real, fake = rng.normal(size=[2, 5, 3, 2, 1])
    noise = StepNoise(0, 3)
    a = StepNoise(0, 3).uniform([5, 1, 1, 1]).numpy().astype(float)
    assert len(np.unique(a)) == 5  # one for each image

    def expected(first):
        if isinstance(game, Wasserstein):
            slopes = numpy_slopes(first, second, a * real + (1 - a) * fake)
            return 7.0 * (np.sqrt(np.sum(slopes**2, axis=1)) - 1) ** 2
        r1 = np.sum(numpy_slopes(first, second, real) ** 2, axis=1)
        r2 = np.sum(numpy_slopes(first, second, fake) ** 2, axis=1)
        return 0.3 / 2 * (r1 + r2)

    weights = tf.Variable(first, dtype=tf.float32)

    def discriminator(images):
        hidden = tf.tanh(tf.reshape(images, [-1, 6]) @ weights)
        return tf.linalg.matvec(hidden, tf.constant(second, tf.float32))

    images = [tf.constant(values, tf.float32) for values in (real, fake)]
    with tf.GradientTape() as tape:
        judged = [Judged(discriminator, x) for x in images]
        value = game.penalty(discriminator, *judged, noise)
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, expected(first), rtol=1e-3)
    found = tape.gradient(value, weights).numpy()
    for i, j in [(0, 0), (3, 2), (5, 3)]:
        h = np.zeros_like(first)
        h[i, j] = 1e-4
        slope = np.sum(expected(first + h) - expected(first - h)) / 2e-4
        np.testing.assert_allclose(found[i, j], slope, rtol=1e-2, atol=1e-3)


def test_a_flat_critic_has_a_finite_gradient():
    weights = tf.Variable(tf.zeros([4]))
    images = tf.ones([2, 2, 2, 1])

    def discriminator(x):
        return tf.linalg.matvec(tf.reshape(x, [-1, 4]), weights)

    with tf.GradientTape() as tape:
        judged = Judged(discriminator, images)
        value = Wasserstein().penalty(discriminator, judged, judged, StepNoise(0, 0))
    np.testing.assert_allclose(value, 10, rtol=1e-4)
    assert np.all(np.isfinite(tape.gradient(value, weights)))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_a_penalty_moves_every_kernel_of_the_networks(network, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = GAN((5, 4, 1), 3, (4, 6), (4, 6), network, Relativistic())
    finally:
        keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=[3, 5, 4, 1]), tf.float32)

    def discriminator(x):
        return model.discriminator(x)[:, 0]

    with tf.GradientTape() as tape:
        real, fake = Judged(discriminator, images), Judged(discriminator, images)
        value = model.game.penalty(discriminator, real, fake, None)
    assert value.dtype == tf.float32
    kernels = [v for v in model.discriminator.trainable_variables if v.name == "kernel"]
    gradients = tape.gradient(value, kernels)
    assert len(kernels) == 3
    # The logit is linear in the last kernel, so the penalty is quadratic in it (Euler).
    total = np.sum(np.array(gradients[-1]) * np.array(kernels[-1]))
    tolerance = 1e-4 if policy == "float32" else 3e-2
    np.testing.assert_allclose(total, 2 * np.sum(value), rtol=tolerance)
    assert all(np.any(np.array(gradient) != 0) for gradient in gradients)


def test_a_bias_that_only_differences_could_move_is_left_out():
    assert GAN((4, 4, 1), game="hinge").discriminator.get_layer("output").use_bias
    for game in ("wasserstein", "relativistic"):
        assert not GAN((4, 4, 1), game=game).discriminator.get_layer("output").use_bias


def test_games_are_told_by_name_or_by_value():
    assert games.get("wasserstein") == Wasserstein(10) != Wasserstein(1)
    assert GAN((4, 4, 1), game="minimax").game == Minimax()
    config = GAN((4, 4, 1), game=Relativistic(0.2)).get_config()
    assert GAN.from_config(config).game == Relativistic(0.2)
    # What an older config holds.
    assert GAN.from_config({**config, "game": "non_saturating"}).game == NonSaturating()


class HingeWithPenalty(Hinge):
    def penalty(self, discriminator, real, fake, noise):
        return real.squared_slope()


class Forgetful(Hinge):
    def __init__(self, margin=1.0):
        self.width = margin


class Confusing(Hinge):
    def __init__(self, penalty=1.0):  # the name of a method
        self.weight = penalty


def test_a_game_that_could_not_be_saved_is_refused_before_it_is_played():
    for game, name in ((Forgetful(), "margin"), (Confusing(), "penalty")):
        sentence = f"^{type(game).__name__} could not be saved: .* set self.{name}, or override"
        with pytest.raises(UserError, match=sentence):
            GAN((4, 4, 1), game=game)


class OneSided(Game):
    def discriminator_loss(self, real, fake):
        return fake - real


def test_a_game_without_a_loss_is_refused_before_it_is_played():
    sentence = r"^OneSided has no generator_loss; define generator_loss\(self, real, fake\).$"
    with pytest.raises(UserError, match=sentence):
        GAN((4, 4, 1), game=OneSided())


def test_a_game_is_penalized_that_says_so_or_has_a_penalty():
    assert HingeWithPenalty().penalized and Wasserstein().penalized and Relativistic().penalized
    assert not Hinge().penalized and not Relativistic(0).penalized


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UserError, match="did you mean 'relativistic'"):
        games.get("relativist")
    with pytest.raises(UserError, match="game 'None' not found"):
        games.get(None)
    with pytest.raises(UserError, match=r"^game is the class Hinge; make one, Hinge\(\).$"):
        games.get(Hinge)
    for penalty in (0, "1"):
        with pytest.raises(
            UserError, match=rf"penalty must be a number in \(0, inf\), but is {penalty!r}"
        ):
            Wasserstein(penalty)
    for gamma in (-1, np.nan, "1"):
        with pytest.raises(
            UserError, match=rf"gamma must be a number in \[0, inf\), but is {gamma!r}"
        ):
            Relativistic(gamma)
    mixing = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    for game in (Wasserstein(), Relativistic(), HingeWithPenalty()):
        with pytest.raises(UserError, match=f"^{type(game).__name__} penalises .* without it.$"):
            game.check(mixing)
    for game in (Relativistic(0), Hinge()):
        game.check(mixing)
