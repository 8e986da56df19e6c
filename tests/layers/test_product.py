"""The product of maps with a matrix, whatever size is unknown."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.product import product


@pytest.mark.parametrize("unknown", [None, 0, 1])
@pytest.mark.parametrize("batch", [0, 3])
def test_it_is_tensordot_in_few_operations(unknown, batch):
    sizes = [batch, 2, 5] if unknown == 0 else [2, batch, 5]
    spec = tf.TensorSpec([None if axis == unknown else size for axis, size in enumerate(sizes)])
    kernel = tf.random.stateless_normal([5, 4], [0, 0])
    graph = tf.function(lambda maps: product(maps, kernel), [spec]).get_concrete_function()
    maps = tf.random.stateless_normal(sizes, [0, 1])
    np.testing.assert_allclose(graph(maps), tf.tensordot(maps, kernel, 1), rtol=1e-6)
    assert graph.output_shapes == [*spec.shape[:-1], 4]
    assert len(graph.graph.get_operations()) < 10
