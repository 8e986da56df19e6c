"""DCGAN's guidelines: strides, where normalisation stands, initial weights, any image size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.games import Relativistic
from tfgen.models import DCGAN
from tfgen.sampling.noise import StepNoise


def kinds(network, *classes):
    return [type(layer).__name__ for layer in network.layers if isinstance(layer, classes)]


def test_the_networks_follow_the_guidelines():
    keras.utils.set_random_seed(0)
    model = DCGAN((28, 28, 1), 16, filters=(8, 16, 32))
    parts = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.BatchNormalization)
    up, norm, down = "Conv2DTranspose", "BatchNormalization", "Conv2D"
    assert kinds(model.generator, *parts) == [norm, up, norm, up, norm, up]
    assert kinds(model.discriminator, *parts) == [down, down, norm, down, norm]
    assert model.generator.output_shape == (None, 28, 28, 1)
    for layer in [*model.generator.layers, *model.discriminator.layers]:
        if hasattr(layer, "kernel") and np.size(layer.kernel) > 1000:
            np.testing.assert_allclose(np.std(layer.kernel), 0.02, rtol=0.1)


def test_a_game_with_a_penalty_and_wrong_filters_are_refused():
    for game in ("relativistic", "wasserstein"):
        with pytest.raises(UserError, match="batch normalisation .* take a discriminator without"):
            DCGAN((8, 8, 1), 3, filters=(4, 4), game=game)
    assert DCGAN((8, 8, 1), 3, filters=(4, 4), game=Relativistic(0)).game.compares
    with pytest.raises(UserError, match="filters must list at least one layer's size, but is .."):
        DCGAN((8, 8, 1), 3, filters=())


def test_training_images_leave_no_trace_in_a_generators_move():
    """They would in the discriminator's statistics, were they judged for a game that needs none."""
    traces = []
    for brightness in (0.0, 0.5):
        keras.utils.set_random_seed(0)
        model = DCGAN((4, 4, 1), 2, (3, 4), game="non_saturating")
        model.compile("adam")
        model._move_generator(tf.fill([6, 4, 4, 1], brightness), None, StepNoise(0, 0))
        traces.append(model.get_weights())
    for one, two in zip(*traces, strict=True):
        np.testing.assert_array_equal(one, two)
