"""What PixelCNN++ adds to the laws of autoregressive models: resolutions and dropout."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import from_levels, levels_to_unit
from tfgen.likelihoods import Bernoulli, Categorical
from tfgen.models import PixelCNNPP
from tfgen.sampling.noise import StepNoise
from tfgen.sampling.raster import scan

SHAPE = (8, 4, 1)


def small_model(image_shape=SHAPE, hidden_channels=4, likelihood=None, **settings):
    return PixelCNNPP(image_shape, hidden_channels, 1, likelihood=likelihood, **settings)


def some_levels(model, n):
    size = [n, *model.image_shape]
    return np.random.default_rng(0).integers(0, model.likelihood.levels, size).astype(np.int32)


def test_wrong_settings_are_refused():
    with pytest.raises(UserError, match="images of 28x30 pixels cannot be halved 2 times"):
        small_model((28, 30, 1))
    with pytest.raises(UserError, match="num_resolutions must be an integer of at least 1"):
        small_model(num_resolutions=0)
    with pytest.raises(UserError, match=r"dropout must be a number in \[0, 1\)"):
        small_model(dropout=1.0)
    with pytest.raises(UserError, match="multiple of 3"):
        small_model((8, 4, 3), hidden_channels=4, likelihood=Categorical(4))
    assert small_model((8, 4, 3)).groups == 1  # the default likelihood ties the colours
    assert small_model((7, 5, 1), num_resolutions=1).streams.coarser is None


def test_dropout_follows_the_step_and_rests_without_noise():
    model = small_model(likelihood=Bernoulli())
    images = from_levels(some_levels(model, 4), 2)

    def loss(step, training=True):
        return model.losses(images, None, StepNoise(0, step), training)["loss"].numpy()

    assert np.all(loss(1) != loss(2))
    np.testing.assert_array_equal(loss(1), loss(1))
    np.testing.assert_array_equal(loss(1, training=False), loss(2, training=False))
    np.testing.assert_allclose(loss(1, training=False), -model.log_prob(images), rtol=1e-6)
    model = small_model(likelihood=Bernoulli(), dropout=0.0)
    np.testing.assert_array_equal(loss(1), loss(2))


def test_coarse_resolutions_run_at_their_own_ticks_only(monkeypatch):
    model = small_model(likelihood=Bernoulli())
    middle = model.streams.coarser
    counters = {}
    for name, layer in {"finest": model.streams, "middle": middle, "last": middle.coarser}.items():
        for step in ("row", "at_pixel"):
            counter = counters[name, step] = tf.Variable(0)
            monkeypatch.setattr(layer, step, _counted(getattr(layer, step), counter))
    tf.function(lambda uniforms: scan(model, uniforms))(model.noise([0, 1]))
    assert {key: int(counter) for key, counter in counters.items()} == {
        ("finest", "row"): 8,
        ("finest", "at_pixel"): 32,
        ("middle", "row"): 4,
        ("middle", "at_pixel"): 8,
        ("last", "row"): 2,
        ("last", "at_pixel"): 2,
    }


def _counted(step, counter):
    def counted(*arguments):
        counter.assign_add(1)
        return step(*arguments)

    return counted


def test_a_scan_goes_on_from_any_row_of_a_parallel_pass():
    model = small_model(likelihood=Categorical(17))
    levels = some_levels(model, 16)

    @tf.function
    def draw(uniforms, known, start_from_features):
        _, features = model.network(levels_to_unit(levels, 17))
        features = features if start_from_features else None
        return scan(model, uniforms, given=levels, known=known, features=features)

    uniforms = model.noise(np.arange(16))
    for rows in range(1, 8):
        known = tf.broadcast_to(tf.range(8)[:, None] < rows, [16, 8, 4])
        expected = draw(uniforms, known, False)
        np.testing.assert_array_equal(draw(uniforms, known, True), expected)
        assert np.any(expected[:, rows:] != levels[:, rows:])
