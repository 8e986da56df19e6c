"""`compile`, `fit` and `evaluate` as a user of Keras knows them, on one device and on two."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.likelihoods import Bernoulli, Categorical
from tfgen.models import VAE, VQVAE, PixelCNN
from tfgen.models.base import dtype_policy
from tfgen.objectives import ELBO

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).integers(0, 2, [36, *SHAPE]).astype(np.uint8) * 255
FIVE = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)  # the last of them is half a batch
EXHAUSTIVE = pytest.mark.exhaustive
DATA = {"known": FIVE, "unknown": FIVE.filter(lambda images: True)}


def vae(optimizer, **settings):
    keras.utils.set_random_seed(0)
    model = VAE(SHAPE, 2, (5,))
    model.compile(optimizer, **settings)
    return model


def trained(data, epochs=3, **settings):
    model = vae(keras.optimizers.SGD(1e-3, momentum=0.9), **settings)
    history = model.fit(data, epochs=epochs, shuffle=False, verbose=0).history
    return model, history["loss"]


@pytest.mark.parametrize("length", [pytest.param("known", marks=EXHAUSTIVE), "unknown"])
@pytest.mark.parametrize("settings", [{}, {"run_eagerly": True}], ids=["graph", "eager"])
def test_steps_are_those_of_the_data_however_many_an_execution(length, settings):
    one, losses = trained(DATA["known"])
    model, found = trained(DATA[length], steps_per_execution=3, **settings)
    assert one.steps_taken == model.steps_taken == 15
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for weight, expected in zip(model.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("length", [pytest.param("known", marks=EXHAUSTIVE), "unknown"])
def test_two_replicas_count_no_step_beyond_the_data(length, two_replicas):
    with two_replicas.scope():
        model, losses = trained(DATA[length].take(4), epochs=2, steps_per_execution=3)
    assert model.steps_taken == 8 and len(losses) == 2


@pytest.mark.parametrize(
    "bound", [{"clipnorm": 1e-2}, pytest.param({"clipvalue": 1e-3}, marks=EXHAUSTIVE)], ids=str
)
def test_two_replicas_clip_what_one_does(bound, two_replicas):
    data = tf.data.Dataset.from_tensors(IMAGES[:8])
    moved = []
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        with strategy.scope():
            model = vae(keras.optimizers.SGD(1.0, **bound))
            model.build_optimizers()
        before = model.get_weights()
        model.fit(data, shuffle=False, verbose=0)
        moved.append([new - old for new, old in zip(model.get_weights(), before, strict=True)])
    for one, two in zip(*moved, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-7)
    (size,) = bound.values()
    if "clipvalue" in bound:  # which the largest gradients reach
        np.testing.assert_allclose(max(np.abs(step).max() for step in moved[0]), size, rtol=0.01)


@pytest.mark.parametrize(
    "build",
    [
        lambda classes: VAE(SHAPE, 2, (5,), likelihood=Bernoulli(), num_classes=classes),
        lambda classes: PixelCNN(SHAPE, 4, 1, Categorical(2), classes),
        lambda classes: VQVAE(SHAPE, 2, 3, (4,), 0, likelihood=Bernoulli(), num_classes=classes),
    ],
    ids=["VAE", "PixelCNN", "VQVAE"],
)
def test_arrays_that_a_model_cannot_learn_are_told_before_the_first_step(build, monkeypatch):
    monkeypatch.setattr("tfgen.models.base.CHECKED_AT_ONCE", 16)
    model = build(0)
    model.compile("sgd")
    wrong = IMAGES.copy()
    wrong[35, 1, 1] = 7
    before = model.get_weights()
    settings = {"batch_size": 8, "shuffle": False, "verbose": 0}
    for images in (wrong, tf.constant(wrong)):
        for given in ({"x": images}, {"x": IMAGES, "validation_data": (images,)}):
            with pytest.raises(UserError, match="^the images hold pixel values off the model's"):
                model.fit(**given, **settings)
    assert all(map(np.array_equal, model.get_weights(), before))
    conditional = build(3)
    conditional.compile("sgd")
    before = conditional.get_weights()
    for last in (3, -1):
        with pytest.raises(UserError, match=f"^label {last} is not one of the classes 0..2.$"):
            conditional.fit(IMAGES, np.append(np.zeros([35], np.int32), last), **settings)
    assert all(map(np.array_equal, conditional.get_weights(), before))


def test_replicas_refuse_a_batch_that_they_cannot_share(two_replicas):
    with two_replicas.scope():
        model = vae("sgd")
    model.fit(tf.data.Dataset.from_tensor_slices(IMAGES[:12]).batch(8), verbose=0)
    with pytest.raises(UserError, match="^2 replicas cannot share a batch evenly; make batches of"):
        model.fit(tf.data.Dataset.from_tensor_slices(IMAGES[:11]).batch(8), verbose=0)


def test_several_workers_refuse_data_that_they_cannot_share(monkeypatch):
    monkeypatch.setattr(VAE, "_several_workers", lambda model: True)
    model = vae("sgd", steps_per_execution=3)
    for data in (IMAGES, FIVE):
        with pytest.raises(UserError, match="^several workers need a tf.data.Dataset whose batch"):
            model.fit(data, verbose=0)
    whole = tf.data.Dataset.from_tensor_slices(IMAGES[:32]).batch(4, drop_remainder=True)
    with pytest.raises(UserError, match="multiple of steps_per_execution=3 .*, but these are 8"):
        model.fit(whole, verbose=0)


def test_batches_of_an_evaluation_draw_other_noise_each_and_the_same_each_time():
    model = vae("sgd")
    images = np.repeat(IMAGES[:1], 12, axis=0)
    first, *others = (
        float(tf.reduce_mean(model.test_step((images[:4],), index)["loss"])) for index in range(3)
    )
    assert first != others[0] != others[1] != first
    for _ in range(2):
        found = model.evaluate(images, batch_size=4, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], np.mean([first, *others]), rtol=1e-5)


def test_weights_count_without_labels_too_and_a_batch_may_have_none():
    model = vae("sgd")
    weights = np.float32([1, 0, 2, 1, 0, 0, 0, 0, 1, 1, 1, 1])
    losses = [model.test_step((IMAGES[k : k + 4],), k // 4)["loss"] for k in (0, 4, 8)]
    expected = np.average(np.concatenate(losses), weights=weights)
    settings = {"sample_weight": weights, "batch_size": 4, "verbose": 0, "return_dict": True}
    found = model.evaluate(IMAGES[:12], **settings)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)
    for refused in ({"sample_weight": weights}, {"class_weight": {0: 1.0}}):
        with pytest.raises(UserError, match="^training takes no weights of images"):
            model.fit(IMAGES[:12], verbose=0, **refused)


@pytest.mark.parametrize("network", ["dense", pytest.param("convolutional", marks=EXHAUSTIVE)])
def test_what_is_compiled_anew_is_trained_anew(network):
    keras.utils.set_random_seed(0)
    objective = ELBO(warmup_steps=1000)
    model = VAE(SHAPE, 2, (5,), network=network, objective=objective)
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(IMAGES[:8], verbose=0)
    model.end_warmup()
    keras.utils.set_random_seed(1)
    weights = model.get_weights()
    model.fit(IMAGES[:8], verbose=0, shuffle=False)
    moved = model.get_weights()
    fresh = VAE(SHAPE, 2, (5,), network=network, objective=ELBO())
    fresh.compile(keras.optimizers.SGD(1e-3))
    fresh.set_weights(weights)
    fresh.build_optimizers()
    fresh.optimizer.iterations.assign(1)
    fresh.fit(IMAGES[:8], verbose=0, shuffle=False)
    for weight, expected in zip(moved, fresh.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)
    model.encoder.trainable = False
    model.compile("adam")
    before = [network.get_weights() for network in (model.encoder, model.decoder)]
    model.fit(IMAGES[:8], verbose=0)
    after = [network.get_weights() for network in (model.encoder, model.decoder)]
    same = [all(map(np.array_equal, *pair)) for pair in zip(before, after, strict=True)]
    assert same == [True, False]


def test_gradients_are_scaled_where_the_model_is_of_half_precision():
    with dtype_policy("mixed_float16"):
        model = VAE(SHAPE, 2, (5,))
    model.compile("adam")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    whole = VAE(SHAPE, 2, (5,))
    with dtype_policy("mixed_float16"):
        whole.compile("adam")
    assert not isinstance(whole.optimizer, keras.optimizers.LossScaleOptimizer)


def test_compile_takes_of_keras_what_is_done_anyway():
    vae("adam", loss=None, metrics=[], weighted_metrics=None, jit_compile=False)
    vae("adam", jit_compile="auto", loss_weights=None, auto_scale_loss=True)
    with pytest.raises(UserError, match="leave out jit_compile=True"):
        vae("adam", jit_compile=True)
    for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        with pytest.raises(UserError, match="bring their own loss"):
            vae("adam", **{name: ["mse"]})
    sentence = r"got rate, but VAE takes optimizer, steps_per_execution, run_eagerly, seed.$"
    with pytest.raises(UserError, match=sentence):
        vae("adam", rate=1e-3)


def test_accumulated_gradients_are_refused():
    with pytest.raises(UserError, match="^gradient_accumulation_steps would repeat the noise"):
        vae(keras.optimizers.Adam(gradient_accumulation_steps=2))


MIRRORED = """
import keras, numpy as np, tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # saves seconds
from tfgen.augmentation import AdaptiveAugmentation
from tfgen.models import GAN

rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, [32, 4, 4, 1]).astype(np.uint8), np.arange(32) % 3
data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(8)
settings = {"num_classes": 3, "conditioning": "projection"}
augmentation = AdaptiveAugmentation(0.0, 100, 0.5, "translation")
found = []
for strategy in tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = GAN((4, 4, 1), 3, (8,), (8,), augmentation=augmentation, **settings)
        model.compile(
            generator_optimizer=keras.optimizers.SGD(0.1, clipnorm=0.5),
            discriminator_optimizer=keras.optimizers.SGD(0.1, clipnorm=0.5),
            steps_per_execution=3,
        )
    history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    losses = {**{k: v[-1] for k, v in history.items()}, **model.evaluate(data, return_dict=True)}
    found.append((losses, model.get_weights(), model.steps_taken))
(one, weights, steps), (two, others, as_many) = found
assert steps == as_many == 8
for name in one:
    np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)
for other, weight in zip(others, weights, strict=True):
    np.testing.assert_allclose(other, weight, rtol=1e-4, atol=1e-5)
"""


def test_a_mirrored_strategy_as_tensorflow_makes_it_does_what_one_device_does():
    # Its replicas reduce by collectives, unlike those of the other tests, and as GPUs do. A process
    # of its own, since two strategies over the same devices confuse these.
    run = subprocess.run([sys.executable, "-c", MIRRORED], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
