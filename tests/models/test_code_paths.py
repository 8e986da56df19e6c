"""Paths keep their ends and their pace, and a traversal changes one coordinate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import GAN, VAE, Autoencoder, HierarchicalVAE
from tfgen.models.code_paths import PATHS, code_path, linear, spherical, traversal


def codes(*rows):
    return tf.constant(rows, tf.float32)


def small(num_classes=0):
    keras.utils.set_random_seed(0)
    return VAE((4, 3, 1), latent_dim=3, hidden=(8,), num_classes=num_classes)


def some_images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [n, 4, 3, 1], dtype=np.uint8)


def test_the_spherical_path_turns_at_an_even_pace_and_its_norm_grows_in_a_line():
    degrees = np.radians([0, 20, 40, 60])
    expected = np.stack([np.cos(degrees), np.sin(degrees)], axis=1) * [[1], [2], [3], [4]]
    found = code_path("spherical", codes([1, 0]), codes(expected[-1]), 4)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    # The formula at unit norms, in 50 dimensions.
    a, b = np.random.default_rng(0).normal(size=[2, 7, 50])
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    angle = np.arccos(np.sum(a * b, axis=1, keepdims=True))
    slerp = (np.sin(0.7 * angle) * a + np.sin(0.3 * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(
        spherical(tf.constant(a, tf.float32), tf.constant(b, tf.float32), 0.3), slerp, atol=1e-6
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [([1, 2], [2, 4]), ([1, 2], [-3, -6]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([0, 0], [0, 0])],
)
def test_the_spherical_path_is_straight_where_there_is_no_great_circle(start, end):
    found = spherical(codes(start), codes(end), 0.25)
    np.testing.assert_array_equal(found, linear(codes(start), codes(end), 0.25))


def test_the_spherical_path_bends_no_more_at_the_smallest_angles():
    rng = np.random.default_rng(0)
    start = rng.normal(size=[1, 8])
    for angle in (1e-1, 1e-2, 2e-3, 1e-4, 1e-6):
        end = start + angle * rng.normal(size=[1, 8])
        found = spherical(tf.constant(start, tf.float32), tf.constant(end, tf.float32), 0.5)
        np.testing.assert_allclose(found, (start + end) / 2, atol=angle**2 + 1e-5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "build",
    [
        small,
        lambda: Autoencoder((4, 3, 1), 3, (8,)),
        lambda: HierarchicalVAE((4, 3, 1), (3, 2), ((6,), (5,))),
    ],
    ids=["VAE", "Autoencoder", "HierarchicalVAE"],
)
def test_interpolation_has_its_ends_and_is_deterministic(build, path):
    model = build()
    first, second = some_images(2), some_images(2, seed=1)
    lines = model.interpolate(first, second, 5, path=path)
    assert lines.shape == (2, 5, 4, 3, 1) and lines.dtype == tf.uint8
    np.testing.assert_array_equal(lines[:, 0], model.reconstruct(first))
    np.testing.assert_array_equal(lines[:, -1], model.reconstruct(second))
    np.testing.assert_array_equal(lines, model.interpolate(first, second, 5, path=path))
    middle = PATHS[path](model.encode(first), model.encode(second), 0.5)
    np.testing.assert_array_equal(lines[:, 2], model.decode(middle))


@pytest.mark.parametrize("labels", [None, [2, 0], 1])
def test_a_gan_goes_from_sample_to_sample(labels):
    keras.utils.set_random_seed(0)
    model = GAN((4, 3, 1), 3, (8,), (8,), num_classes=0 if labels is None else 3)
    first, second = np.array([3, 11]), [5, 4]
    lines = model.interpolate(first, second, 5, labels)
    assert lines.shape == (2, 5, 4, 3, 1) and lines.dtype == tf.uint8
    for row in range(2):
        label = None if labels is None else np.broadcast_to(labels, [2])[row]
        for end, seeds in ((0, first), (-1, second)):
            sample = model.sample(1, seed=seeds[row], labels=label)[0]
            np.testing.assert_array_equal(lines[row, end], sample)
    between = model.noise(first), model.noise(second)
    for path, given in (("spherical", {}), ("linear", {"path": "linear"})):
        middle = model.interpolate(first, second, 3, labels, **given)[:, 1]
        expected = model.generate(PATHS[path](*between, 0.5), labels)
        np.testing.assert_array_equal(middle, expected)
    middle = model.interpolate(first, second, 3, labels, truncation=0.5)[:, 1]
    expected = model.generate(PATHS["spherical"](*between, 0.5), labels, truncation=0.5)
    np.testing.assert_array_equal(middle, expected)


def test_seeds_that_make_no_sense_are_refused():
    model = GAN((4, 3, 1), 3, (8,), (8,))
    for first, second in ([0, [1]], [[0, 1], [2]], [0, 1]):
        with pytest.raises(UserError, match="interpolation needs two lists of as many seeds, but"):
            model.interpolate(first, second, 3)
    with pytest.raises(UserError, match="seeds must be integers, but are int64 and float64"):
        model.interpolate([0], [1.0], 3)
    with pytest.raises(UserError, match="path must be one of linear, spherical, but is 'round'"):
        model.interpolate([0], [1], 3, path="round")


def test_a_traversal_sets_one_coordinate_and_keeps_the_others():
    found = np.asarray(traversal(codes([1, 2, 3], [4, 5, 6]), [2, 0], [-1, 0.5, 7, 9]))
    assert found.shape == (2, 2, 4, 3)
    np.testing.assert_array_equal(found[1, 0, :, 2], [-1, 0.5, 7, 9])
    np.testing.assert_array_equal(found[1, 1, :, 0], [-1, 0.5, 7, 9])
    np.testing.assert_array_equal(found[1, 0, 2], [4, 5, 7])
    np.testing.assert_array_equal(found[0, 1, 3], [9, 2, 3])


@pytest.mark.parametrize("labels", [None, [2, 0], 1])
def test_a_model_traverses_the_codes_of_its_images(labels):
    model = small(num_classes=0 if labels is None else 3)
    images = some_images(2)
    found = model.traverse(images, [2, 0], [-20.0, 0.0, 20.0], labels)
    assert found.shape == (2, 2, 3, 4, 3, 1) and found.dtype == tf.uint8
    every = np.asarray(traversal(model.encode(images, labels), [2, 0], [-20, 0, 20]))
    for image in range(2):
        label = None if labels is None else np.broadcast_to(labels, [2])[image]
        expected = model.decode(every[image].reshape(6, 3), label)
        np.testing.assert_array_equal(tf.reshape(found[image], [6, 4, 3, 1]), expected)
    assert np.any(found[:, :, 0] != found[:, :, 2])
    # A coordinate set to what it was gives the reconstruction.
    own = float(model.encode(images[:1], labels if labels is None else 2)[0, 1])
    same = model.traverse(images[:1], [1], [own], labels if labels is None else 2)[0, 0]
    expected = model.reconstruct(images[:1], labels if labels is None else 2)
    np.testing.assert_array_equal(same, expected)


@pytest.mark.parametrize(
    ("dimensions", "values", "sentence"),
    [
        ([0, 3], [0.0], "dimension 3 is not one of the code's, 0..2"),
        ([-1], [0.0], "dimension -1 is not one of the code's, 0..2"),
        ([], [0.0], "dimensions must be a list of integers"),
        ([0.5], [0.0], "dimensions must be a list of integers"),
        (1, [0.0], "dimensions must be a list of integers"),
        ([0], [], "values must be a list of numbers"),
        ([0], [[0.0]], "values must be a list of numbers"),
        ([0], ["a"], "values must be a list of numbers"),
        ([0], [np.inf], "values must be finite"),
    ],
)
def test_a_traversal_that_makes_no_sense_is_refused(dimensions, values, sentence):
    with pytest.raises(UserError, match=sentence):
        small().traverse(some_images(1), dimensions, values)


def test_an_unknown_path_is_refused():
    with pytest.raises(UserError, match="path must be one of linear, spherical, but is 'round'"):
        small().interpolate(some_images(1), some_images(1), 3, path="round")
    with pytest.raises(UserError, match="steps must be an integer"):
        small().interpolate(some_images(1), some_images(1), 2.5)
    with pytest.raises(UserError, match="steps must be an integer of at least 2, but is 1"):
        small().interpolate(some_images(1), some_images(1), 1)
    with pytest.raises(UserError, match="images must be uint8 of shape"):
        small().traverse(some_images(1)[:, 1:], [0], [0.0])
