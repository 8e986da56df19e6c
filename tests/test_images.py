"""Images, levels and network input map onto each other without loss."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import images
from tfgen.errors import UserError

LEVELS = [2, 3, 17, 100, 255, 256]


@pytest.mark.parametrize("levels", LEVELS)
def test_levels_and_pixels_are_one_to_one(levels):
    grid = images.grid(levels)
    assert len(np.unique(grid)) == levels and grid[0] == 0 and grid[-1] == 255
    found = images.to_levels(grid.reshape(1, -1, 1, 1), levels)
    np.testing.assert_array_equal(found[0, :, 0, 0], np.arange(levels))
    np.testing.assert_array_equal(images.from_levels(found, levels)[0, :, 0, 0], grid)


@pytest.mark.parametrize("levels", LEVELS)
def test_quantize_moves_each_pixel_to_the_nearest_level(levels):
    pixels = np.arange(256, dtype=np.uint8)
    moved = images.quantize(pixels, levels).astype(int)
    nearest = np.abs(images.grid(levels).astype(int)[:, None] - pixels).min(axis=0)
    # Grid values are rounded to integers, so a tie may fall to a neighbour half a step away.
    assert np.all(np.abs(moved - pixels) <= nearest + 1)
    images.to_levels(moved.astype(np.uint8), levels)
    np.testing.assert_array_equal(images.quantize(moved.astype(np.uint8), levels), moved)


def test_unit_range_is_lossless():
    pixels = np.arange(256, dtype=np.uint8)
    unit = images.to_unit(pixels)
    assert unit.dtype == tf.float32 and unit[0] == -1 and unit[-1] == 1
    np.testing.assert_array_equal(images.from_unit(unit), pixels)
    np.testing.assert_array_equal(images.from_unit([-3.0, 3.0]), [0, 255])


def test_pixels_off_the_grid_are_refused_eagerly_and_in_graphs():
    grey = np.full([1, 2, 2, 1], 7, np.uint8)
    with pytest.raises(UserError, match="off the model's grid of 2 levels"):
        images.to_levels(grey, 2)
    in_graph = tf.function(lambda x: images.to_levels(x, 2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="off the model"):
        in_graph(grey)
    sentence = r"^the images hold pixel values .* \(0, 255\); .*tfgen.images.quantize\.$"
    with pytest.raises(UserError, match=sentence), images.graph_mistakes_told():
        in_graph(grey)
    with pytest.raises(tf.errors.InvalidArgumentError), images.graph_mistakes_told():
        tf.debugging.assert_equal(1, 2)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.zeros([2, 8, 8, 1], np.float32), "dtype is float32"),
        (np.zeros([8, 8, 1], np.uint8), r"shape is \[8, 8, 1\]"),
        (np.zeros([2, 8, 8, 3], np.uint8), r"shape is \[2, 8, 8, 3\]"),
        ([[1, 2]], "dtype is int64"),
    ],
)
def test_wrong_images_are_refused(wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        images.check_images(wrong, (8, 8, 1))


@pytest.mark.parametrize(
    ("labels", "num_classes", "sentence"),
    [
        ([1], 0, "unconditional"),
        (None, 10, "is conditional; give labels"),
        ([10], 10, "label 10 is not one of the classes 0..9"),
        ([-1], 10, "label -1 is not"),
        ([0.5], 10, "must be integers"),
        ([[1]], 10, r"must have shape \[batch\]"),
        ([1, 2], 10, "2 labels were given for 1 images"),
    ],
)
def test_wrong_labels_are_refused(labels, num_classes, sentence):
    with pytest.raises(UserError, match=sentence):
        images.check_labels(labels, num_classes, 1)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_labels_outside_the_classes_are_refused_in_graphs_too(dtype):
    signature = [tf.TensorSpec([None], dtype)]
    in_graph = tf.function(
        lambda x: images.check_labels(x, 10, tf.shape(x)[0]), input_signature=signature
    )
    np.testing.assert_array_equal(in_graph(np.array([0, 9], dtype)), [0, 9])
    for wrong in (10, 255):
        with pytest.raises(tf.errors.InvalidArgumentError, match="a label is not one of the cl"):
            in_graph(np.array([0, wrong]).astype(dtype))


def test_one_label_stands_for_the_whole_batch():
    np.testing.assert_array_equal(images.check_labels(3, 10, 4), [3, 3, 3, 3])
