"""PixelSNAIL's own laws: what its attention computes, that nothing is out of sight, dropout."""

import numpy as np
import pytest
import tensorflow as tf
from test_autoregressive import influence_on_outputs

from tfgen.errors import UserError
from tfgen.images import from_levels
from tfgen.layers.causal_attention import CausalAttention
from tfgen.likelihoods import Bernoulli
from tfgen.models import PixelSNAIL
from tfgen.sampling.noise import StepNoise


def binary_images(n, shape):
    return from_levels(np.random.default_rng(0).integers(0, 2, [n, *shape]), 2)


def test_attention_equals_a_loop_over_pixels():
    height, width = 5, 3
    layer = CausalAttention(4, 2, 1, key_channels=3, value_channels=2)
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    features = rng.normal(size=[2, height, width, 4]).astype(np.float32)
    image = rng.normal(size=[2, height, width, 1]).astype(np.float32)
    result, memory = layer(tf.constant(features), tf.constant(image))

    rows, columns = np.mgrid[:height, :width]
    places = np.stack([rows / height - 0.5, columns / width - 0.5], axis=-1)
    places = np.broadcast_to(places, [2, height, width, 2])
    query_kernel, query_bias, memory_kernel = (np.asarray(weight) for weight in layer.weights)
    query = np.concatenate([features[..., :2], places], axis=-1) @ query_kernel + query_bias
    np.testing.assert_allclose(
        memory, np.concatenate([features, image, places], axis=-1) @ memory_kernel, atol=1e-5
    )
    query, memory = query.reshape(2, -1, 3), np.reshape(memory, [2, -1, 5])
    expected = np.zeros([2, height * width, 2])
    for b in range(2):
        for pixel in range(1, height * width):
            scores = np.exp(memory[b, :pixel, :3] @ query[b, pixel] / np.sqrt(3))
            expected[b, pixel] = scores / scores.sum() @ memory[b, :pixel, 3:]
    np.testing.assert_allclose(result, expected.reshape(2, height, width, 2), atol=1e-5)


def test_no_pixel_before_is_out_of_sight():
    # The convolutions reach five pixels, all else is attention.
    model = PixelSNAIL((9, 10, 1), 8, 1, 1, 4, 6, likelihood=Bernoulli())
    rng = np.random.default_rng(0)
    x = rng.normal(size=[2, 9, 10, 1]).astype(np.float32)
    jacobian = influence_on_outputs(model, x).reshape(90, 90)
    np.testing.assert_array_equal(jacobian > 0, np.tri(90, k=-1, dtype=bool))


def test_dropout_follows_the_noise_of_the_step():
    images = binary_images(4, (6, 5, 1))

    def loss(model, step):
        noise = StepNoise(0, step)
        return model.losses(images, None, noise, training=True)["loss"].numpy()

    model = PixelSNAIL((6, 5, 1), 8, 1, 1, dropout=0.5, likelihood=Bernoulli())
    scores = -model.log_prob(images).numpy()
    np.testing.assert_array_equal(loss(model, 1), loss(model, 1))
    assert np.all(loss(model, 1) != loss(model, 2))
    assert np.all(loss(model, 1) != scores)
    evaluated = model.losses(images, None, StepNoise(0, 1), training=False)["loss"]
    np.testing.assert_array_equal(evaluated, scores)
    # The expected size of what is kept stays the same, so that a small rate changes little.
    gentle = PixelSNAIL((6, 5, 1), 8, 1, 1, dropout=1e-3, likelihood=Bernoulli())
    gentle.set_weights(model.get_weights())
    np.testing.assert_allclose(loss(gentle, 1), scores, rtol=0.02)


def test_arguments_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"dropout must be a number in \[0, 1\)"):
        PixelSNAIL((6, 5, 1), 8, 1, 1, dropout=1.0)
    with pytest.raises(UserError, match="num_residual must be an integer of at least 1, but is 0"):
        PixelSNAIL((6, 5, 1), 8, 1, 0)
