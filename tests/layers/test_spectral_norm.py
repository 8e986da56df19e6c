"""The norm against numpy's SVD, its gradient against differences, and when it moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralNorm
from tfgen.models import GAN

CASES = {
    "dense": (lambda: SpectralDense(4, activation="leaky_relu"), (3, 7)),
    "conv": (lambda: SpectralConv2D(5, 3, strides=2), (2, 5, 4, 3)),
}
every_layer = pytest.mark.parametrize("case", CASES)


def built(case):
    keras.utils.set_random_seed(3)
    make, shape = CASES[case]
    layer = make()
    layer.build(shape)
    return layer, tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


def norm(kernel):
    matrix = np.reshape(kernel, [-1, kernel.shape[-1]])
    return np.linalg.svd(matrix, compute_uv=False)[0]


@every_layer
def test_iterations_bring_the_norm_to_1_and_a_call_moves_nothing(case):
    layer, inputs = built(case)
    layer.kernel.assign(5 * layer.kernel)
    for _ in range(60):
        layer.iterate()
    before = layer.get_weights()
    np.testing.assert_allclose(norm(layer.normalized_kernel()), 1, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(layer.u), 1, rtol=1e-5)
    layer(inputs, training=True)
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@every_layer
def test_a_layer_is_kerass_own_with_the_normalised_kernel(case):
    layer, inputs = built(case)
    if case == "dense":
        plain = keras.layers.Dense(4, activation="leaky_relu")
    else:
        plain = keras.layers.Conv2D(5, 3, 2, padding="same")
    plain.build(inputs.shape)
    plain.set_weights([layer.normalized_kernel(), layer.bias])
    np.testing.assert_allclose(layer(inputs), plain(inputs), rtol=1e-5, atol=1e-6)


@every_layer
def test_the_gradient_goes_through_the_division(case):
    layer, _ = built(case)
    layer.iterate()
    kernel = np.array(layer.kernel, float)
    u = np.array(layer.u, float) / np.linalg.norm(layer.u)
    weights = np.random.default_rng(1).normal(size=kernel.shape)
    v = kernel.reshape([-1, len(u)]) @ u
    v /= np.linalg.norm(v)

    def value(kernel):  # with u and v as constants
        return np.sum(weights * kernel) / (v @ kernel.reshape([-1, len(u)]) @ u)

    with tf.GradientTape() as tape:
        found = tf.reduce_sum(tf.constant(weights, tf.float32) * layer.normalized_kernel())
    np.testing.assert_allclose(found, value(kernel), rtol=1e-4)
    gradient = tape.gradient(found, layer.kernel.value).numpy().ravel()
    for place in (0, 7, kernel.size - 1):
        h = np.zeros(kernel.size)
        h[place] = 1e-6
        h = h.reshape(kernel.shape)
        slope = (value(kernel + h) - value(kernel - h)) / 2e-6
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-3, atol=1e-4)


def test_a_kernel_of_zeros_stays_finite():
    layer, inputs = built("dense")
    layer.kernel.assign(0 * layer.kernel)
    layer.iterate()
    assert np.all(np.isfinite(layer(inputs))) and np.all(np.isfinite(layer.u))


def test_half_precision_keeps_the_norm_in_float32():
    keras.utils.set_random_seed(0)
    kernels = []

    class Watched(SpectralDense):
        def call(self, inputs):  # where Keras casts weights
            kernels.append(self.normalized_kernel())
            return super().call(inputs)

    layer = Watched(32, dtype="mixed_bfloat16")
    layer.build([2, 16])
    for _ in range(100):
        layer.iterate()
    assert layer(tf.ones([2, 16])).dtype == kernels[0].dtype == tf.bfloat16
    assert layer.kernel.dtype == layer.u.dtype == "float32"
    expected = tf.cast(layer.kernel / norm(layer.kernel), tf.bfloat16)
    assert np.mean(kernels[0] == expected) > 0.98  # rounded at the end, and once


@pytest.mark.parametrize("n_critic", [1, 2])
def test_each_move_of_the_discriminator_iterates_once(n_critic, monkeypatch):
    model = GAN((4, 4, 1), 3, (4,), (4,), game="hinge", n_critic=n_critic, spectral_norm=True)
    model.compile("adam", run_eagerly=True)
    layers = [x for x in model.discriminator.layers if isinstance(x, SpectralNorm)]
    assert [layer.name for layer in layers][-1] == "output" and len(layers) == 2
    calls = []
    original = SpectralNorm.iterate
    monkeypatch.setattr(SpectralNorm, "iterate", lambda self: (calls.append(self), original(self)))
    images = np.random.default_rng(0).integers(0, 256, [4, 4, 4, 1], dtype=np.uint8)
    model.train_on_batch(images)
    assert calls == layers * n_critic
    kept = model.get_weights()
    model.evaluate(images, verbose=0)
    model.sample(2)
    for one, other in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(one, other)
