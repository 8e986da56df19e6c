"""Each way of using labels is its paper's: logits, losses and normalisation, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.layers.networks import normalized
from tfgen.models import DCGAN, GAN

LABELS = np.array([2, 0, 1, 2, 2], np.int32)


def some_images(n=5):
    return np.random.default_rng(0).uniform(-1, 1, [n, 5, 4, 1]).astype(np.float32)


def kernel_of(layer):
    return np.array(layer.normalized_kernel() if hasattr(layer, "u") else layer.kernel)


@pytest.mark.parametrize(
    "build",
    [
        lambda **way: GAN((5, 4, 1), 3, (6,), (6,), **way),
        lambda **way: GAN((5, 4, 1), 3, (4,), (4, 6), "convolutional", spectral_norm=True, **way),
        lambda **way: DCGAN((5, 4, 1), 3, (4, 6), **way),
    ],
    ids=["dense", "spectrally normalised", "DCGAN"],
)
def test_the_projection_is_a_product_of_embedding_and_features(build):
    keras.utils.set_random_seed(0)
    network = build(num_classes=3, conditioning="projection").discriminator
    output, embedding = network.get_layer("output"), network.get_layer("embedding")
    given = [some_images(), LABELS]
    phi = np.array(keras.Model(network.inputs, output.input)(given))
    psi = phi @ kernel_of(output)[:, 0] + np.array(output.bias)
    with tf.GradientTape() as tape:
        logits = network(given)
        total = tf.reduce_sum(logits[:, 0] * np.float32([1, 2, 3, 4, 5]))
    product = np.sum(kernel_of(embedding)[LABELS] * phi, axis=1)
    assert np.all(np.abs(product) > 1e-6)
    np.testing.assert_allclose(logits[:, 0], psi + product, rtol=1e-4, atol=1e-6)
    # No label reaches the features.
    other = keras.Model(network.inputs, output.input)([some_images(), 0 * LABELS])
    np.testing.assert_array_equal(phi, other)
    if not hasattr(embedding, "u"):
        expected = np.zeros_like(embedding.kernel)
        np.add.at(expected, LABELS, np.arange(1, 6)[:, None] * phi)
        found = tape.gradient(total, embedding.kernel.value)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def log_softmax(logits):
    return logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))


@pytest.mark.parametrize("build", [GAN, DCGAN])
def test_an_auxiliary_classifier_tells_the_classes_of_images_it_sees_alone(build):
    keras.utils.set_random_seed(0)
    model = build((5, 4, 1), 3, (4,), num_classes=3, conditioning="auxiliary_classifier")
    network = model.discriminator
    assert [entry.name for entry in network.inputs] == ["images"]
    images = np.random.default_rng(0).integers(0, 256, [5, 5, 4, 1], dtype=np.uint8)
    latents = tf.constant(np.random.default_rng(1).normal(size=[5, 3]), tf.float32)

    class Noise:
        def normal(self, shape):
            return latents

    found = model.losses(images, tf.constant(LABELS), Noise(), training=False)
    expected = 0
    for shown in (images / np.float32(127.5) - 1, model.generator([latents, tf.constant(LABELS)])):
        _, classes = network(shown)
        expected = expected - log_softmax(np.array(classes, float))[np.arange(5), LABELS]
    np.testing.assert_allclose(found["class_loss"], expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (4, 2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_conditional_normalisation_is_that_with_the_scale_and_shift_of_the_class(shape, training):
    rng = np.random.default_rng(0)
    x, one_hot = keras.Input(shape), keras.Input((2,))
    conditional = keras.Model([x, one_hot], normalized(x, one_hot))
    shift, scale = sorted(conditional.trainable_variables, key=lambda w: np.sum(w))
    np.testing.assert_array_equal([shift, scale], [np.zeros([2, 3]), np.ones([2, 3])])
    for weight in (shift, scale):
        weight.assign(rng.normal(size=[2, 3]))
    statistics = conditional.non_trainable_variables
    for weight in statistics:
        weight.assign(rng.uniform(1, 2, size=3))
    plain = keras.Model(x, normalized(x))
    inputs, classes = rng.normal(size=[6, *shape]), np.array([0, 1, 1, 0, 1, 1])
    before = [np.array(weight) for weight in statistics]
    found = conditional([inputs, np.eye(2)[classes]], training=training)
    for k in (0, 1):
        plain.set_weights([scale[k], shift[k], *before])
        expected = np.array(plain(inputs, training=training))
        np.testing.assert_allclose(
            np.array(found)[classes == k], expected[classes == k], rtol=1e-4, atol=1e-5
        )
    # The statistics are those of all classes together.
    for one, other in zip(statistics, plain.non_trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("build", [GAN, DCGAN])
def test_the_label_comes_to_the_generator_by_normalisation_alone(build):
    model = build((5, 4, 1), 3, (4, 6), num_classes=3, conditioning="projection")
    z = tf.random.stateless_normal([1, 3], [0, 1])
    first, second = (model.generator([z, tf.constant([k])]) for k in (0, 1))
    np.testing.assert_array_equal(first, second)
    scales = [w for w in model.generator.trainable_variables if np.all(w == 1)]
    assert scales and all(w.shape[0] == 3 for w in scales)
    for w in scales:
        w.assign(w * [[1.0], [2.0], [1.0]])
    assert np.any(model.generator([z, tf.constant([1])]) != first)


def test_what_makes_no_sense_is_refused():
    for build in (GAN, DCGAN):
        for way in ("projection", "auxiliary_classifier"):
            with pytest.raises(UserError, match=f"^conditioning '{way}' needs classes; give num_c"):
                build((4, 4, 1), 3, (4,), conditioning=way)
        with pytest.raises(UserError, match="did you mean 'projection'"):
            build((4, 4, 1), 3, (4,), num_classes=3, conditioning="projections")
    # A discriminator's kernels of any of the ways can be spectrally normalised.
    for way in ("concatenation", "projection", "auxiliary_classifier"):
        model = GAN((4, 4, 1), 3, (4,), (4,), num_classes=3, conditioning=way, spectral_norm=True)
        kernels = [w for w in model.discriminator.weights if w.name == "kernel"]
        assert len(kernels) == len([w for w in model.discriminator.weights if w.name == "u"])
