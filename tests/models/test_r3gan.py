"""The residual networks of R3GAN: what they start as, how they resample, which sizes they take."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.games import Relativistic
from tfgen.images import to_unit
from tfgen.models import R3GAN
from tfgen.models.r3gan import GAIN, doubled, halved


def test_resampling_is_by_the_filter_1_2_1():
    row = np.random.default_rng(0).normal(size=8).astype(np.float32)
    across = row[None, None, :, None] * np.ones([1, 8, 1, 1], np.float32)
    up = np.array(doubled(across))[0, 3, :, 0]
    np.testing.assert_allclose(up[::2], row, rtol=1e-6)
    np.testing.assert_allclose(up[1:-1:2], (row[:-1] + row[1:]) / 2, rtol=1e-5, atol=1e-6)
    down = np.array(halved(across))[0, 1, :, 0]
    expected = (row[0:-2:2] + 2 * row[1:-1:2] + row[2::2]) / 4
    np.testing.assert_allclose(down[:-1], expected, rtol=1e-5, atol=1e-6)


def test_a_network_starts_without_its_blocks_and_keeps_the_variance():
    keras.utils.set_random_seed(0)
    model = R3GAN((28, 28, 1), 16, widths=(8, 16, 16), num_blocks=2)
    kernels = [v for v in model.generator.weights if v.path.endswith("kernel")]
    basis = model.generator.get_layer("basis").kernel
    assert basis.shape == (7, 7, 16)
    zeros = [v for v in kernels if not np.any(v.numpy())]
    assert len(zeros) == 6  # the last convolution of each block
    inner = [v for v in kernels if v.shape[:2] == (3, 3) and v.shape[3] == 32]
    assert len(inner) == 4
    for kernel in inner:
        expected = GAIN * 6**-0.25 / np.sqrt(3 * 3 * 32)
        np.testing.assert_allclose(np.std(kernel), expected, rtol=0.05)
    assert not any("normalization" in layer.name for layer in model.generator.layers)
    images = model.generator(tf.random.stateless_normal([64, 16], [0, 1]))
    assert 0.1 < np.std(images) < 3


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def convolved(x, kernel):
    """Maps [b, h, w, n] convolved by a kernel [3, 3, n, m], beyond whose borders is zero."""
    height, width = x.shape[1:3]
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    shifted = ((i, j, padded[:, i : i + height, j : j + width]) for i in range(3) for j in range(3))
    return sum(part @ kernel[i, j] for i, j, part in shifted)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_a_discriminator_is_its_blocks_a_basis_and_the_product_with_the_labels(num_classes):
    model = R3GAN((3, 5, 2), 6, widths=(4,), num_blocks=1, num_classes=num_classes)
    rng = np.random.default_rng(0)
    for variable in model.discriminator.weights:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    weights = [np.float64(w) for w in model.discriminator.get_weights()]
    first, into, into_bias, inner, inner_bias, out, basis, linear = weights[:8]
    images = rng.uniform(-1, 1, [7, 3, 5, 2])
    x = images @ first[0, 0]
    y = leaky(x @ into[0, 0] + into_bias)
    x = x + leaky(convolved(y, inner) + inner_bias) @ out[0, 0]
    features = np.einsum("bhwc,hwc->bc", x, basis) @ linear
    given, expected = tf.constant(images, tf.float32), features
    if num_classes:
        labels = np.arange(7) % 3
        (embedding,) = weights[8:]
        assert embedding.shape == (3, 6)
        expected = np.sum(features * embedding[labels], axis=1, keepdims=True)
        given = [given, tf.constant(labels, tf.int32)]
    assert expected.shape == (7, 1)
    np.testing.assert_allclose(model.discriminator(given), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["linear", "tanh"])
@pytest.mark.parametrize("patch_size", [1, 2])
def test_it_starts_at_the_mean_pixel(patch_size, activation):
    model = R3GAN((8, 8, 3), 16, widths=(8,), output_activation=activation, patch_size=patch_size)
    images = np.random.default_rng(0).integers(0, [100, 50, 20], [64, 8, 8, 3]).astype(np.uint8)
    model.adapt(images)
    for network in (model.generator, model.averaged_generator):
        pixels = np.array(network(tf.zeros([1, 16])))  # around which the noise's images lie
        mean = to_unit(images).numpy().mean(axis=(0, 1, 2))
        np.testing.assert_allclose(pixels, np.broadcast_to(mean, [1, 8, 8, 3]), atol=1e-5)
        if activation == "linear":
            pixels = network(tf.random.stateless_normal([4000, 16], [0, 1]))
            np.testing.assert_allclose(np.mean(pixels, axis=(0, 1, 2)), mean, atol=0.05)


def test_a_tanh_keeps_images_between_the_ends():
    model = R3GAN((4, 4, 1), 3, widths=(4,), num_blocks=1, output_activation="tanh")
    model.adapt(np.zeros([2, 4, 4, 1], np.uint8))  # all black, where tanh would be at infinity
    output = model.averaged_generator.get_layer("output")
    assert np.all(np.isfinite(output.bias))
    output.kernel.assign(output.kernel * 1e3)
    pixels = np.array(model.averaged_generator(tf.random.stateless_normal([4, 3], [0, 1])))
    assert np.all(np.abs(pixels) <= 1) and np.any(np.abs(pixels) > 0.999)


def test_patches_of_both_players_are_those_of_the_image():
    model = R3GAN((4, 6, 2), 3, widths=(8,), num_blocks=1, patch_size=2)
    latents = tf.random.stateless_normal([5, 3], [0, 1])
    patches = keras.Model(model.generator.inputs, model.generator.get_layer("output").output)
    patches = np.array(patches(latents))
    assert patches.shape == (5, 2, 3, 8)
    images = np.array(model.generator(latents))
    assert images.shape == (5, 4, 6, 2)
    for row in range(4):
        for column in range(6):
            place = 4 * (row % 2) + 2 * (column % 2)
            expected = patches[:, row // 2, column // 2, place : place + 2]
            np.testing.assert_array_equal(images[:, row, column], expected)
    # A patch is one place of the discriminator's first stage, and takes no part in another.
    first = next(x for x in model.discriminator.layers if isinstance(x, keras.layers.Conv2D))
    kernel = np.reshape(first.kernel, [8, 8])
    np.testing.assert_allclose(first(images), patches @ kernel, rtol=1e-4, atol=1e-5)


def test_images_beyond_the_ends_are_clipped_in_what_is_exported():
    model = R3GAN((4, 4, 1), 3, widths=(4,), num_blocks=1)
    output = model.averaged_generator.get_layer("output")
    output.kernel.assign(output.kernel * 1e3)
    latents = tf.random.stateless_normal([4, 3], [0, 1])
    pixels = np.array(model.plain_networks()["generator"](latents))
    assert pixels.min() == 0 and pixels.max() == 255
    np.testing.assert_array_equal(np.round(pixels), model.generate(latents))


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(UserError, match="^images of 6x5 pixels cannot be halved 1 times"):
        R3GAN((6, 5, 1), widths=(4, 4))
    with pytest.raises(UserError, match="^images of 4x6 pixels .* halved 1 times"):
        R3GAN((4, 6, 1), widths=(4, 4), patch_size=2)
    with pytest.raises(UserError, match="^images of 4x5 pixels .* patches of patch_size=2"):
        R3GAN((4, 5, 1), widths=(4,), patch_size=2)
    with pytest.raises(UserError, match="output activation 'tan' not found; did you mean 'tanh'"):
        R3GAN((4, 4, 1), widths=(4,), output_activation="tan")
    with pytest.raises(UserError, match="widths must list at least one .* but is .4, 0."):
        R3GAN((4, 4, 1), widths=(4, 0))
    with pytest.raises(UserError, match="multiples of groups=3"):
        R3GAN((4, 4, 1), widths=(4,), groups=3)


def test_grouped_convolutions_train_under_penalties():
    model = R3GAN((4, 4, 1), 3, widths=(4,), num_blocks=1, groups=2, game=Relativistic(0.1))
    kernels = [v for v in model.discriminator.trainable_variables if v.shape == (3, 3, 4, 8)]
    assert len(kernels) == 1
    model.compile("adam")
    before = kernels[0].numpy()
    try:
        for _ in range(2):  # in the first step the block's last convolution is still zero
            model.train_on_batch(np.zeros([2, 4, 4, 1], np.uint8))
    except tf.errors.OpError as error:
        assert "grouped convolutions are not supported on CPU" in str(error)
        pytest.skip("needs oneDNN or a GPU")
    assert np.any(kernels[0] != before)
