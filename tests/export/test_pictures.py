"""Panels of a training are laid out legibly, whatever their shape and however many there are."""

import numpy as np
import pytest

from tfgen.export import pictures


@pytest.mark.parametrize(
    ("n", "shape", "columns", "scale"),
    [
        (8, (458, 458, 1), 4, 1),
        (6, (458, 458, 1), 3, 1),
        (5, (458, 458, 3), 5, 1),
        (4, (458, 458, 1), 4, 1),
        (8, (32, 302, 1), 1, 6),  # a line of MNIST's ten classes
        (8, (36, 342, 3), 1, 5),  # and of CIFAR-10's
        (3, (32, 302, 1), 1, 6),
    ],
)
def test_panels_fill_all_slots_and_are_enlarged_by_whole_factors(n, shape, columns, scale):
    panels = np.random.default_rng(0).integers(129, 256, [n, *shape], np.uint8)
    whole = pictures.panels_of(panels)
    height, width = shape[0] * scale + pictures.GAP, shape[1] * scale + pictures.GAP
    rows = n // columns
    assert whole.shape == (rows * height + pictures.GAP, columns * width + pictures.GAP, shape[2])
    slots = whole[pictures.GAP :, pictures.GAP :].reshape(rows, height, columns, width, shape[2])
    slots = slots.swapaxes(1, 2).reshape(n, height, width, shape[2])
    for row in range(scale):
        for column in range(scale):
            found = slots[:, row : -pictures.GAP : scale, column : -pictures.GAP : scale]
            np.testing.assert_array_equal(found, panels)
