"""A step of training is the paper's: whose gradient, in which order; and what is sampled."""

import statistics

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import games, recipes
from tfgen.augmentation import DifferentiableAugmentation
from tfgen.errors import UserError
from tfgen.games import Relativistic
from tfgen.models import DCGAN, GAN, R3GAN
from tfgen.models.adversarial import truncated
from tfgen.models.base import dtype_policy
from tfgen.sampling.noise import StepNoise

RATE = 0.1


def small(**arguments):
    keras.utils.set_random_seed(0)
    return GAN((4, 4, 1), 3, (8,), (8,), **arguments)


def some_images(n):
    return np.random.default_rng(0).integers(0, 256, [n, 4, 4, 1], dtype=np.uint8)


def move(player, tape, loss):
    """Take the step of SGD by hand."""
    variables = player.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign(variable - RATE * gradient)


def check_players_are_alike(model, twin):
    for player in ("discriminator", "generator"):
        pairs = zip(getattr(model, player).weights, getattr(twin, player).weights, strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_critic", [1, 2])
@pytest.mark.parametrize("game", games.GAMES)
def test_each_move_follows_its_own_gradient_with_the_discriminator_first(game, n_critic):
    model = small(game=game, n_critic=n_critic)
    model.compile(keras.optimizers.SGD(RATE), seed=4)
    images = some_images(6)
    twin = small(game=game, n_critic=n_critic)
    rules = games.get(game)
    model.train_on_batch(images)
    noise = StepNoise(4, 0)

    def logits(x):
        return twin.discriminator(x)[:, 0]

    real = tf.cast(images, tf.float32) / 127.5 - 1
    for part in range(n_critic):
        shown = real[part::n_critic]
        fake = tf.stop_gradient(twin.generator(noise.normal([6 // n_critic, 3])))
        with tf.GradientTape() as tape:
            judged = [games.Judged(logits, x) for x in (shown, fake)]
            loss = tf.reduce_mean(
                rules.discriminator_loss(logits(shown), logits(fake))
                + rules.penalty(logits, *judged, noise)
            )
        move(twin.discriminator, tape, loss)
    latents = noise.normal([6 // n_critic, 3])
    with tf.GradientTape() as tape:  # against the discriminator that has moved, with fresh noise
        loss = tf.reduce_mean(rules.generator_loss(logits(shown), logits(twin.generator(latents))))
    move(twin.generator, tape, loss)
    check_players_are_alike(model, twin)


def test_an_auxiliary_classifier_and_augmentation_have_their_part_in_each_move():
    augmentation = DifferentiableAugmentation(0.7)
    settings = {
        "game": Relativistic(0.5),
        "num_classes": 3,
        "conditioning": "auxiliary_classifier",
        "augmentation": augmentation,
    }
    model, twin = small(**settings), small(**settings)
    model.compile(keras.optimizers.SGD(RATE), seed=4, run_eagerly=True)
    images, labels = some_images(6), tf.constant([0, 1, 2, 2, 1, 1])
    model.train_on_batch(images, labels)
    noise = StepNoise(4, 0)

    def judged(x):  # each pass with augmentations of its own
        logits, classes = twin.discriminator(augmentation.augment(x, 0.7, noise))
        chances = tf.gather(tf.exp(classes), labels, batch_dims=1) / tf.reduce_sum(
            tf.exp(classes), axis=1
        )
        return logits[:, 0], -tf.math.log(chances)

    real = tf.cast(images, tf.float32) / 127.5 - 1
    fake = twin.generator([noise.normal([6, 3]), labels])
    with tf.GradientTape() as tape:
        with tf.GradientTape(persistent=True) as slopes:
            slopes.watch([real, fake])  # before they are augmented
            (real_logits, of_real), (fake_logits, of_fake) = judged(real), judged(fake)
        loss = tf.nn.softplus(fake_logits - real_logits) + of_real + of_fake
        for logits, x in ((real_logits, real), (fake_logits, fake)):
            slope = slopes.gradient(logits, x)
            loss += 0.5 / 2 * tf.reduce_sum(slope**2, axis=[1, 2, 3])
        loss = tf.reduce_mean(loss)
    move(twin.discriminator, tape, loss)
    with tf.GradientTape() as tape:
        real_logits, _ = judged(real)
        fake_logits, of_fake = judged(twin.generator([noise.normal([6, 3]), labels]))
        loss = tf.reduce_mean(tf.nn.softplus(real_logits - fake_logits) + of_fake)
    move(twin.generator, tape, loss)
    check_players_are_alike(model, twin)


def test_a_move_has_fresh_noise_and_leaves_the_other_player_as_it_is(monkeypatch):
    model = small(n_critic=3)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    noise, draws, moves = StepNoise(0, 0), [], []
    normal, apply_gradients = noise.normal, model.apply_gradients

    def drawn(shape):
        draws.append(normal(shape).numpy())
        return tf.constant(draws[-1])

    def applied(gradients, name):
        before = [model.discriminator.get_weights(), model.generator.get_weights()]
        apply_gradients(gradients, name)
        after = [model.discriminator.get_weights(), model.generator.get_weights()]
        changed = [
            any(np.any(a != b) for a, b in zip(one, other, strict=True))
            for one, other in zip(before, after, strict=True)
        ]
        moves.append((name, *changed, len(draws)))

    noise.normal = drawn
    monkeypatch.setattr(model, "step_noise", lambda: noise)
    monkeypatch.setattr(model, "apply_gradients", applied)
    model.train_on_batch(some_images(6))
    assert moves == [
        ("discriminator_optimizer", True, False, 1),
        ("discriminator_optimizer", True, False, 2),
        ("discriminator_optimizer", True, False, 3),
        ("generator_optimizer", False, True, 4),
    ]
    assert len({draw.tobytes() for draw in draws}) == 4
    assert all(draw.shape == (2, 3) for draw in draws)


def test_the_averaged_generator_follows_with_its_half_life_batch_statistics_included():
    model = small(average_half_life=9, network="convolutional")
    model.compile(keras.optimizers.SGD(0.1))
    averaged = model.averaged_generator.variables
    assert {"moving_mean", "moving_variance"} <= {variable.name for variable in averaged}
    for decay in (2 / 11, 3 / 12, 0.5 ** (16 / 9), 0.5 ** (16 / 9)):  # at first by the moves
        before = [np.array(variable) for variable in averaged]
        model.train_on_batch(some_images(16))
        for old, average, new in zip(before, averaged, model.generator.variables, strict=True):
            expected = decay * old + (1 - decay) * np.array(new)
            np.testing.assert_allclose(average, expected, atol=1e-6)


def test_after_one_step_the_average_is_near_the_generator():
    model = small(network="convolutional")  # of which a batch is next to nothing of a half-life
    model.compile(keras.optimizers.SGD(0.1))
    initial = [np.array(v) for v in model.generator.variables]
    model.train_on_batch(some_images(4))
    pairs = zip(model.averaged_generator.variables, model.generator.variables, strict=True)
    for old, (average, new) in zip(initial, pairs, strict=True):
        assert np.any(old != np.array(new))
        assert np.all(np.abs(average - np.array(new)) <= 0.2 * np.abs(old - np.array(new)) + 1e-6)


def test_samples_come_from_the_averaged_generator_in_inference_mode():
    model = small(network="convolutional")
    model.generator.set_weights([w * 0 for w in model.generator.get_weights()])
    assert model.sample(4).std() > 0
    alone = model.sample(1, seed=2)
    np.testing.assert_array_equal(alone[0], model.sample(4)[2])  # no batch statistics


def test_truncated_noise_has_the_quantiles_of_the_truncated_normal():
    z = np.random.default_rng(0).normal(size=[300]).astype(np.float32)
    z[:4] = [-5.5, 5.5, 0, 3]
    normal = statistics.NormalDist()
    for t in (0.04, 0.5, 2.0):
        found = truncated(tf.constant(z), t).numpy()
        assert np.max(np.abs(found)) <= np.float32(t)
        below = normal.cdf(-t)
        quantiles = [below + (1 - 2 * below) * normal.cdf(float(x)) for x in z]
        np.testing.assert_allclose(found, [normal.inv_cdf(q) for q in quantiles], atol=1e-5)
    for t in (9, np.inf):  # nothing is truncated
        np.testing.assert_allclose(truncated(tf.constant(z), t), z, rtol=1e-5)


def test_truncated_samples_depend_on_their_seed_alone():
    model = small(network="convolutional")
    found = model.sample(4, seed=7, truncation=0.5)
    expected = model.generate(truncated(model.noise(np.arange(7, 11)), 0.5))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, model.sample(4, seed=7, truncation=0.5, batch_size=1))
    assert np.any(found != model.sample(4, seed=7))
    narrow = model.sample(4, seed=7, truncation=1e-6)
    at_zero = model.generate(tf.zeros([1, 3])).numpy()
    assert np.max(np.abs(narrow.astype(int) - at_zero)) <= 1
    for truncation in (0, -1.0, float("nan")):
        with pytest.raises(
            UserError, match=rf"truncation must be a number in \(0, inf\], but is {truncation}"
        ):
            model.sample(4, truncation=truncation)


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


def test_a_schedule_lasts_for_all_moves_of_a_training():
    model = small(n_critic=3)
    made = recipes.get("gan_digits").optimizers(model)
    lasts = {name: made[name]._learning_rate.decay_steps for name in model.optimizer_names}
    assert lasts == {"generator_optimizer": 5000, "discriminator_optimizer": 15_000}


def test_a_schedule_of_steps_is_not_copied_for_several_moves_a_step():
    adam, schedule = keras.optimizers.Adam, keras.optimizers.schedules.CosineDecay(1e-3, 100)
    for optimizer in (adam(schedule), keras.optimizers.LossScaleOptimizer(adam(schedule))):
        with pytest.raises(
            UserError, match="^a learning-rate schedule counts updates, of which th"
        ):
            small(n_critic=3).compile(optimizer)
    longer = keras.optimizers.schedules.CosineDecay(1e-3, 300)
    model = small(n_critic=3)
    model.compile(adam(schedule), discriminator_optimizer=adam(longer))
    model.compile_from_config(model.get_compile_config())
    model.compile(adam(1e-3))
    small().compile(adam(schedule))


def test_one_optimizer_for_both_players_is_copied():
    adam = keras.optimizers.Adam(1e-3, beta_1=0.5)
    model = small()
    model.compile(generator_optimizer=adam, discriminator_optimizer=adam)
    assert model.generator_optimizer is adam and model.discriminator_optimizer is not adam
    assert model.discriminator_optimizer.get_config() == adam.get_config()
    images = np.zeros([4, *model.image_shape], np.uint8)
    model.fit(images, batch_size=2, verbose=0)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    adam, model = keras.optimizers.Adam(schedule), small(n_critic=3)
    with pytest.raises(UserError, match="^a learning-rate schedule counts updates"):
        model.compile(generator_optimizer=adam, discriminator_optimizer=adam)


def test_the_copy_excludes_the_same_weights_from_decay():
    model = small()
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer)
    for name in model.optimizer_names:
        copy = getattr(model, name)
        decayed = [v.name for v in model.optimizer_variables(name) if copy._use_weight_decay(v)]
        assert set(decayed) == {"kernel"}


def test_settings_that_would_not_do_what_they_say_are_refused():
    for settings, sentence in (
        ((keras.optimizers.Adam(use_ema=True),), "^use_ema is for a model of one optimizer; leave"),
        (("adam", "mse"), "^tfgen models bring their own loss"),
        (("adam", 0), "^steps_per_execution must be an integer of at least 1, but is 0"),
    ):
        with pytest.raises(UserError, match=sentence):
            small().compile(*settings)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_frozen_player_is_told(player):
    model = small()
    getattr(model, player).trainable = False
    model.compile("adam")
    with pytest.raises(UserError, match=f"^the {player}_optimizer has no weights to train; set tr"):
        model.fit(some_images(4), verbose=0)


def test_each_players_loss_has_the_scale_of_its_own_optimizer():
    """In float16, a step of SGD at two very different scales is that of float32."""
    ends = []
    for policy in ("float32", "mixed_float16"):
        with dtype_policy(policy):
            model = small()
        model.compile(keras.optimizers.SGD(0.1))
        if policy == "mixed_float16":
            model.build_optimizers()
            model.generator_optimizer.dynamic_scale.assign(2.0**2)
            model.discriminator_optimizer.dynamic_scale.assign(2.0**8)
        before = model.get_weights()
        model.train_on_batch(some_images(6))
        ends.append([w - b for w, b in zip(model.get_weights(), before, strict=True)])
    largest = max(np.abs(step).max() for step in ends[0])
    for expected, found in zip(*ends, strict=True):
        np.testing.assert_allclose(found, expected, atol=0.02 * largest)


def test_labels_are_dealt_out_with_their_images():
    labels = np.arange(6, dtype=np.int32)
    images = np.broadcast_to(labels[:, None, None, None], [6, 4, 4, 1]).astype(np.uint8)
    model = small(num_classes=6, n_critic=3)
    parts = list(model._deal(tf.constant(images), tf.constant(labels)))
    assert len(parts) == 3
    for shown, own in parts:
        np.testing.assert_array_equal(shown[:, 0, 0, 0], own)
    assert sorted(np.concatenate([own for _, own in parts])) == list(labels)


@pytest.mark.parametrize(
    "build",
    [
        lambda: small(num_classes=3),
        lambda: small(num_classes=3, network="convolutional"),
        lambda: small(num_classes=3, spectral_norm=True),
        lambda: DCGAN((4, 4, 1), 3, (4, 6), num_classes=3),
        lambda: R3GAN((4, 4, 1), 3, (4, 6), 1, num_classes=3),
    ],
    ids=["dense", "convolutional", "spectrally normalised", "DCGAN", "R3GAN"],
)
def test_both_players_see_the_label(build):
    keras.utils.set_random_seed(0)
    model = build()
    z, images = tf.ones([1, 3]), tf.zeros([1, 4, 4, 1])
    for player, given in ((model.generator, z), (model.discriminator, images)):
        for weight in player.trainable_variables:  # those of R3GAN start at zero in places
            weight.assign(np.random.default_rng(0).normal(size=weight.shape))
        seen = [player([given, tf.constant([k])]).numpy() for k in range(3)]
        assert all(np.any(seen[k] != seen[k - 1]) for k in range(3))


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.LearningRateScheduler(lambda epoch: 1e-4),
        keras.callbacks.ReduceLROnPlateau("generator_loss", mode="min"),
        keras.callbacks.SwapEMAWeights(),
        keras.callbacks.TerminateOnNaN(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_callbacks_of_one_optimizer_are_refused_before_the_first_step(callback):
    model = small()
    model.compile("adam")
    images = np.zeros([4, *model.image_shape], np.uint8)
    name = type(callback).__name__
    instead = {"SwapEMAWeights": "leave it out", "TerminateOnNaN": "look at the loss of each"}
    instead = instead.get(name, "give each a schedule")
    sentence = f"^{name} looks for one optimizer and its loss, but GAN has .*; {instead}"
    for callbacks in ([callback], keras.callbacks.CallbackList([callback], model=model)):
        with pytest.raises(UserError, match=sentence):
            model.fit(images, callbacks=callbacks, verbose=0)
    assert model.steps_taken == 0


class BothRates(keras.callbacks.LearningRateScheduler):
    def on_epoch_begin(self, epoch, logs=None):
        for optimizer in (self.model.generator_optimizer, self.model.discriminator_optimizer):
            optimizer.learning_rate = self.schedule(epoch)

    def on_epoch_end(self, epoch, logs=None):
        pass


def test_a_callback_may_move_the_rates_of_both_optimizers():
    model = small()
    model.compile("adam")
    images = np.zeros([4, *model.image_shape], np.uint8)
    model.fit(images, callbacks=[BothRates(lambda epoch: 1e-4)], verbose=0)
    rates = model.generator_optimizer.learning_rate, model.discriminator_optimizer.learning_rate
    np.testing.assert_allclose(rates, 1e-4, rtol=1e-6)


def test_training_refuses_weights_of_images_and_evaluation_heeds_them():
    model = small()
    model.compile("adam", run_eagerly=True)
    images, classes, weights = some_images(4), np.zeros(4, np.int32), np.float32([1, 1, 0, 0])
    triples = tf.data.Dataset.from_tensors((images, classes, weights))
    refused = pytest.raises(UserError, match="^training takes no weights of images .* leave them")
    with refused:
        model.fit(triples, verbose=0)
    with refused:
        model.fit(images, classes, sample_weight=weights, verbose=0)
    with refused:
        model.train_on_batch(images, classes, weights)
    history = model.fit(images, classes, validation_data=triples, verbose=0).history
    assert "loss" not in history and "val_discriminator_loss" in history
    found = model.evaluate(triples, verbose=0, return_dict=True)
    assert found["discriminator_loss"] == history["val_discriminator_loss"][0]
    images[2:] = 255 - images[2:]
    again = model.evaluate(images, classes, sample_weight=weights, verbose=0, return_dict=True)
    assert again == found


@pytest.mark.parametrize(
    ("make", "arguments", "sentence"),
    [
        (GAN, {"generator_hidden": 256}, "generator_hidden must list at least one layer's size"),
        (
            GAN,
            {"discriminator_hidden": ()},
            "discriminator_hidden must list at least one layer's",
        ),
        (GAN, {"n_critic": 2.5}, "n_critic must be an integer of at least 1, but is 2.5"),
        (GAN, {"n_critic": 0}, "n_critic must be an integer of at least 1, but is 0"),
        (GAN, {"latent_dim": "64"}, "latent_dim must be an integer of at least 1, but is '64'"),
        (R3GAN, {"latent_dim": 16.0}, "latent_dim must be an integer of at least 1, but is 16.0"),
        (DCGAN, {"filters": 64}, "filters must list at least one layer's size, but is 64"),
        (R3GAN, {"widths": 32}, "widths must list at least one layer's size, but is 32"),
        (R3GAN, {"groups": 1.5}, "groups must be an integer of at least 1, but is 1.5"),
        *(
            (GAN, {"average_half_life": wrong}, f"average_half_life must be a number .* is {said}")
            for wrong, said in ((-1, "-1"), (np.inf, "inf"), (np.nan, "nan"), ("1", "'1'"))
        ),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(make, arguments, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        make((4, 4, 1), **arguments)


def test_what_cannot_be_played_is_refused():
    with pytest.raises(UserError, match="^game 'zero_sum' not found; there is hinge, least_sq"):
        small(game="zero_sum")
    with pytest.raises(UserError, match="did you mean 'wasserstein'"):
        small(game="waserstein")
    with pytest.raises(UserError, match="compile.. got critic_optimizer"):
        small().compile("adam", critic_optimizer="adam")
    model = small(n_critic=3)
    model.compile("adam")
    with pytest.raises(UserError, match="an image for each of the 3 moves"):
        model.train_on_batch(some_images(2))
    with pytest.raises(UserError, match="an image for each of the 3 moves"):
        model.fit(some_images(5), batch_size=3, verbose=0)
