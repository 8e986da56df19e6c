"""The fused step of Adam is Keras's, and steps skipped for an overflow count."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.models import VAE
from tfgen.models.base import dtype_policy
from tfgen.optimizers import FusedAdam

SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 20)


def after(steps, start, optimizer):
    """Return what some variables and the optimizer hold after some gradients."""
    variables = [keras.Variable(value) for value in start]
    optimizer.build(variables)
    apply = tf.function(lambda *gradients: optimizer.apply(list(gradients), variables))
    for gradients in steps:
        apply(*map(tf.constant, gradients))
    return [v.numpy() for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": SCHEDULE, "beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-3},
        {"global_clipnorm": 0.5, "weight_decay": 0.01},
        {"amsgrad": True},
    ],
)
def test_steps_and_slots_are_kerass(settings):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(np.float32) for shape in ([3, 4], [5], [])]
    gradients = [[rng.normal(size=x.shape).astype(np.float32) for x in start] for _ in range(10)]
    keras_ends, fused_ends = (
        after(gradients, start, kind(**settings)) for kind in (keras.optimizers.Adam, FusedAdam)
    )
    assert len(keras_ends) == len(fused_ends) > 2 * len(start)
    for expected, found in zip(keras_ends, fused_ends, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(fused_ends[0], start[0], atol=1e-3)


def test_a_model_that_is_compiled_with_it_loads_as_it_was_saved(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, [8, 4, 4, 1]).astype(np.uint8) * 255
    model = VAE((4, 4, 1), 2, (5,))
    model.compile(FusedAdam(1e-2, beta_1=0.3))
    model.fit(images, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is FusedAdam
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for one, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_loss_scaling_of_ones_own_counts_its_skipped_steps(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, [8, 4, 4, 1]).astype(np.uint8) * 255
    adam = keras.optimizers.Adam(1e-2)
    own = keras.optimizers.LossScaleOptimizer(adam, initial_scale=2.0**120, dynamic_growth_steps=7)
    with dtype_policy("mixed_float16"):
        model = VAE((4, 4, 1), 2, (5,))
    model.compile(own)
    assert model.optimizer.inner_optimizer is adam
    assert model.optimizer.get_config()["dynamic_growth_steps"] == 7
    model.fit(images, batch_size=2, verbose=0)
    assert model.steps_taken == 4 and model.optimizer.dynamic_scale.numpy() < 2.0**120


def test_two_replicas_move_both_of_their_copies(two_replicas):
    images = np.random.default_rng(0).integers(0, 2, [8, 4, 4, 1]).astype(np.uint8) * 255
    weights = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        keras.utils.set_random_seed(0)
        with two_replicas.scope():
            model = VAE((4, 4, 1), 2, (5,))
            model.compile(kind(1e-2))
        data = tf.data.Dataset.from_tensors(images).repeat(3)
        model.fit(data, shuffle=False, verbose=0)
        copies = [two_replicas.experimental_local_results(v.value) for v in model.trainable_weights]
        for first, second in copies:
            np.testing.assert_array_equal(first, second)
        weights.append(model.get_weights())
    for expected, found in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("replicas", ["one", "two"])
def test_a_step_that_overflows_is_skipped_and_counted(replicas, request):
    strategy = tf.distribute.get_strategy()
    if replicas == "two":
        strategy = request.getfixturevalue("two_replicas")
    images = np.random.default_rng(0).integers(0, 2, [8, 4, 4, 1]).astype(np.uint8) * 255
    keras.utils.set_random_seed(0)
    with strategy.scope(), dtype_policy("mixed_float16"):
        model = VAE((4, 4, 1), 2, (5,))
        model.compile(FusedAdam(1e-2, global_clipnorm=1.0), steps_per_execution=2)
        model.build_optimizers()
    before = model.get_weights()
    data = tf.data.Dataset.from_tensors(images).repeat()

    def train(steps):
        model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)

    model.optimizer.dynamic_scale.assign(1e38)
    train(2)
    assert model.steps_taken == 2 and model.optimizer.dynamic_scale.numpy() < 1e38
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
    model.optimizer.dynamic_scale.assign(16.0)
    train(4)
    assert model.steps_taken == 6
    moved = [w - b for w, b in zip(model.get_weights(), before, strict=True)]
    assert all(np.isfinite(step).all() for step in moved) and any(np.any(s) for s in moved)
