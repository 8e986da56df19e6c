"""The scan's handwritten gradient against autodiff of plain code; the skew against its picture."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.diagonal_lstm import DiagonalBiLSTM
from tfgen.layers.lstm import lstm_cell, lstm_scan
from tfgen.layers.skew import Skew


def plain_scan(gates, kernel, first_hidden, first_cell, shifts, begins):
    n = first_hidden.shape[0]
    hidden = cell = tf.zeros([*gates.shape[1:3], n])
    hidden, cell = hidden + first_hidden, cell + first_cell
    hiddens, cells = [], []
    for t in range(gates.shape[0]):
        own = tf.where(begins[t], first_hidden, hidden)
        cell = tf.where(begins[t], first_cell, cell)
        for k, shift in enumerate(shifts):
            padded = tf.pad(hidden, [[1, 1], [0, 0], [0, 0]])
            tap = own if shift == 0 else padded[1 - shift : 1 - shift + hidden.shape[0]]
            gates_from_tap = tf.tensordot(tap, kernel[k * n : (k + 1) * n], 1)
            gates = tf.tensor_scatter_nd_add(gates, [[t]], gates_from_tap[None])
        hidden, cell = lstm_cell(gates[t], cell)
        hiddens.append(hidden)
        cells.append(cell)
    return tf.stack(hiddens), tf.stack(cells)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("positions", [1, 5])
@pytest.mark.parametrize("shifts", [(0, 1), (1, 0, -1)])
def test_states_and_gradients_are_those_of_plain_code(shifts, positions, compiled):
    rng = np.random.default_rng(0)
    steps, batch, n = 7, 3, 4
    shapes = [[steps, positions, batch, 4 * n], [len(shifts) * n, 4 * n], [n], [n]]
    values = [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]
    begins = tf.constant(rng.random([steps, positions, 1, 1]) < 0.3)
    weights = rng.normal(size=[steps, positions, batch, n]).astype(np.float32)
    results = []
    for scan, options in ((plain_scan, {}), (lstm_scan, {"compiled": compiled})):
        with tf.GradientTape() as tape:
            tape.watch(values)
            hidden, cells = scan(*values, shifts, begins, **options)
            loss = tf.reduce_sum(hidden * weights)
        results.append([hidden, cells, *tape.gradient(loss, values)])
    for expected, found in zip(*results, strict=True):
        assert np.any(expected != 0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_skew_lays_rows_and_images_as_in_the_picture():
    pixels = tf.reshape(tf.range(1.0, 13.0), [2, 2, 3, 1])
    skew = Skew(pixels.shape, 2, mirrored=False)
    skewed = skew(pixels)[:, :, 0, 0].numpy().T
    np.testing.assert_array_equal(skewed[0, :-1], [1, 2, 3, 7, 8, 9])
    np.testing.assert_array_equal(skewed[1, 1:], [4, 5, 6, 10, 11, 12])
    begins = skew.begins[:, :, 0, 0].numpy().T
    np.testing.assert_array_equal(np.argwhere(begins), [[0, 0], [0, 3], [1, 1], [1, 4]])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shape", [(6, 3, 4, 2), (8, 1, 5, 2), (3, 4, 1, 2)])
def test_skew_and_its_undoing_have_the_gradient_of_a_rearrangement(shape, mirrored):
    rng = np.random.default_rng(0)
    maps = tf.constant(rng.normal(size=shape), tf.float32)
    weights = tf.constant(rng.normal(size=shape), tf.float32)
    skew = Skew(shape, shape[0], mirrored)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        there_and_back = skew.undo(skew(maps))
        loss = tf.reduce_sum(there_and_back * weights)
    down = int(mirrored)
    expected = np.pad(maps, [[0, 0], [down, 0], [0, 0], [0, 0]])[:, : shape[1]]
    np.testing.assert_array_equal(there_and_back, expected)
    expected = np.pad(weights, [[0, 0], [0, down], [0, 0], [0, 0]])[:, down:]
    np.testing.assert_array_equal(tape.gradient(loss, maps), expected)


@pytest.mark.parametrize("batch", [4, 6, 8])
def test_images_side_by_side_do_not_see_each_other(batch):
    layer = DiagonalBiLSTM(4)
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    x = tf.constant(rng.normal(size=[batch, 5, 3, 8]), tf.float32)

    def value_and_gradients(x):
        with tf.GradientTape() as tape:
            y, _ = layer(x)
            loss = tf.reduce_sum(y**2)
        return [y, *tape.gradient(loss, layer.trainable_weights)]

    together = value_and_gradients(x)
    alone = [value_and_gradients(x[k : k + 1]) for k in range(batch)]
    np.testing.assert_allclose(together[0], tf.concat([a[0] for a in alone], 0), atol=1e-5)
    for k in range(1, len(together)):
        sums = sum(a[k] for a in alone)
        np.testing.assert_allclose(together[k], sums, rtol=1e-4, atol=1e-4)
