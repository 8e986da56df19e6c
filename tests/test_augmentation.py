"""Augmentations are their papers', move no image at p = 0, and let gradients through."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import games
from tfgen.augmentation import AdaptiveAugmentation, DifferentiableAugmentation
from tfgen.augmentation.differentiable import POLICIES
from tfgen.errors import UserError
from tfgen.models import GAN
from tfgen.sampling.noise import StepNoise

SHAPES = [(9, 16, 3), (5, 4, 1), (1, 1, 1), (28, 28, 2)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def some_images(shape, n=6):
    images = np.random.default_rng(0).uniform(-1, 1, [n, *shape])
    return tf.constant(images, tf.float32)


def by_the_paper(name, x, u, v):
    """What a transformation makes of one image [h, w, c] by its two uniform numbers."""
    height, width, _ = x.shape
    if name == "brightness":
        return x + (u - 0.5)
    if name == "saturation":
        grey = x.mean(axis=2, keepdims=True)
        return (x - grey) * 2 * u + grey
    if name == "contrast":
        return (x - x.mean()) * (u + 0.5) + x.mean()
    out = np.zeros_like(x) if name == "translation" else x.copy()
    reach = [math.floor(size / 8 + 0.5) for size in (height, width)]
    down, right = (math.floor(z * (2 * r + 1)) - r for z, r in zip((u, v), reach, strict=True))
    cut = [math.floor(size / 2 + 0.5) for size in (height, width)]
    centre = [
        math.floor(z * (size + 1 - length % 2))
        for z, size, length in zip((u, v), (height, width), cut, strict=True)
    ]
    for i in range(height):
        for j in range(width):
            if name == "translation":
                if 0 <= i - down < height and 0 <= j - right < width:
                    out[i, j] = x[i - down, j - right]
            elif all(
                c - length // 2 <= place < c - length // 2 + length
                for place, c, length in zip((i, j), centre, cut, strict=True)
            ):
                out[i, j] = 0
    return out


@every_shape
@pytest.mark.parametrize("policy", POLICIES)
def test_transformations_are_those_of_the_paper(policy, shape):
    images = some_images(shape, 40)
    numbers = np.random.default_rng(1).uniform(size=[40, 2]).astype(np.float32)
    numbers[:4] = [[0, 0], [0, 1 - 2**-23], [1 - 2**-23, 0], [1 - 2**-23, 1 - 2**-23]]
    for transformation in POLICIES[policy]:
        found = transformation(images, tf.constant(numbers))
        assert found.shape == images.shape and found.dtype == tf.float32
        for image, u, result in zip(images.numpy(), numbers, found.numpy(), strict=True):
            expected = by_the_paper(transformation.__name__, image, *u.astype(float))
            np.testing.assert_allclose(result, expected, atol=1e-5)


@every_shape
def test_images_stay_bit_for_bit_at_probability_0_and_keep_their_shape(shape):
    images = some_images(shape)
    augmentation = DifferentiableAugmentation(0.0)
    found = augmentation.augment(images, augmentation.probability, StepNoise(0, 0))
    assert found.numpy().tobytes() == images.numpy().tobytes()
    found = DifferentiableAugmentation().augment(images, 1.0, StepNoise(0, 0))
    assert found.shape == images.shape
    assert np.all(np.any(found.numpy() != images, axis=(1, 2, 3)))


def test_each_transformation_takes_an_image_with_the_probability():
    images = tf.ones([4000, 1, 1, 1])  # of which a cutout leaves nothing
    augmentation = DifferentiableAugmentation(policy=["cutout", "cutout"])
    left = augmentation.augment(images, 0.3, StepNoise(0, 0)).numpy()
    assert set(np.unique(left)) == {0, 1}
    assert abs(left.mean() - 0.7**2) < 0.03


def test_the_gradient_goes_through_and_each_image_has_its_own():
    images = some_images((8, 5, 3), 12)
    augmentation = DifferentiableAugmentation(0.6)
    rng = np.random.default_rng(2)
    weights, direction = rng.normal(size=[2, *images.shape])

    def values(images):
        seen = augmentation.augment(tf.constant(images, tf.float32), 0.6, StepNoise(3, 1))
        return np.sum(weights * seen.numpy(), axis=(1, 2, 3))

    with tf.GradientTape() as tape:
        tape.watch(images)
        seen = augmentation.augment(images, 0.6, StepNoise(3, 1))
        total = tf.reduce_sum(tf.constant(weights, tf.float32) * seen)
    gradient = np.array(tape.gradient(total, images))
    slopes = (values(images + direction) - values(images - direction)) / 2
    np.testing.assert_allclose(np.sum(gradient * direction, axis=(1, 2, 3)), slopes, atol=1e-3)
    # Another first image leaves the others as they were.
    changed = np.concatenate([1 + images[:1], images[1:]])
    np.testing.assert_array_equal(values(changed)[1:], values(images.numpy())[1:])


def test_the_probability_follows_the_verdict_towards_the_target():
    augmentation = AdaptiveAugmentation(target=0.6, images=1000)
    for p, r, expected in [(0.2, 0.7, 0.3), (0.2, 0.5, 0.1), (0.05, -1, 0), (0.95, 1, 1)]:
        np.testing.assert_allclose(augmentation.adapted(p, r, 100), expected, rtol=1e-6)


def test_a_verdict_is_the_side_of_the_boundary_or_of_the_other_image():
    real, fake = tf.constant([2, 0.2, -1.0, 3]), tf.constant([1.0, 0.1, 0, 4])
    for name in games.GAMES:
        game = games.get(name)
        expected = [1, 1, -1, 1]
        if game.compares:
            expected = [1, 1, -1, -1]
        elif name == "least_squares":
            expected = [1, -1, -1, 1]
        np.testing.assert_array_equal(game.verdict(real, fake), expected)


@pytest.mark.parametrize(("bias", "expected"), [(9.0, 0.75), (-9.0, 0.25)])
def test_training_moves_the_probability_that_is_shown_and_saved(bias, expected, tmp_path):
    augmentation = AdaptiveAugmentation(0.0, images=64, probability=0.5)
    model = GAN((4, 3, 1), 3, (4,), (4,), augmentation=augmentation)
    model.discriminator.get_layer("output").bias.assign([bias])
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    images = np.random.default_rng(0).integers(0, 256, [16, 4, 3, 1], dtype=np.uint8)
    logs = model.train_on_batch(images, return_dict=True)
    assert logs["augmentation_probability"] == expected == float(model.augmentation_probability)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert float(again.augmentation_probability) == expected and again.augmentation == augmentation


@pytest.mark.parametrize("game", ["non_saturating", "relativistic"])
def test_the_probability_grows_while_training_images_are_told(game):
    augmentation = AdaptiveAugmentation(0.0, images=8, probability=0.5)
    model = GAN((4, 3, 1), 3, (4,), (4,), game=game, augmentation=augmentation)
    for real, expected in ((3.0, 1.0), (-3.0, 0.5)):
        logits = tf.fill([4], real)
        assert model._adapt_augmentation(logits, -logits).numpy() == expected


def test_evaluation_and_sampling_see_the_images_as_they_are():
    models = []
    for augmentation in (None, DifferentiableAugmentation()):
        keras.utils.set_random_seed(0)
        models.append(GAN((4, 3, 1), 3, (4,), (4,), augmentation=augmentation))
    images = np.random.default_rng(0).integers(0, 256, [6, 4, 3, 1], dtype=np.uint8)
    one, other = (m.losses(images, None, StepNoise(0, 0), training=False) for m in models)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_array_equal(*(model.sample(3) for model in models))


def test_what_makes_no_sense_is_refused():
    for probability in (-0.1, 1.1, math.nan, "a", None):
        told = rf"probability must be a number in \[0, 1\], but is {probability!r}"
        with pytest.raises(UserError, match=told):
            DifferentiableAugmentation(probability)
        with pytest.raises(UserError, match=told):
            AdaptiveAugmentation(probability=probability)
    with pytest.raises(UserError, match="augmentation 'colour' not found; did you mean 'color'"):
        DifferentiableAugmentation(policy=["colour"])
    for policy in (3, None):
        with pytest.raises(UserError, match=f"policy must be names of augm.*, but is {policy}"):
            DifferentiableAugmentation(policy=policy)
    for target in (1, math.nan, "a"):
        told = rf"target must be a number in \(-1, 1\), but is {target!r}"
        with pytest.raises(UserError, match=told):
            AdaptiveAugmentation(target)
    for images in (0, "a"):
        with pytest.raises(
            UserError, match=rf"images must be a number in \(0, inf\], but is {images!r}"
        ):
            AdaptiveAugmentation(images=images)
    with pytest.raises(UserError, match="augmentation must be one of tfgen.augmentation, .*float"):
        GAN((4, 3, 1), augmentation=0.5)
    assert DifferentiableAugmentation(policy="cutout").policy == ("cutout",)
