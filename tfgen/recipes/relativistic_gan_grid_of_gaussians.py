"""The relativistic game with R1 and R2 on a grid of twenty-five Gaussians.

With seed 0, all 25 modes and 96.8 % of the samples of high quality (real points: 98.9 %); see
`relativistic_gan_ring_of_gaussians`.
"""

import dataclasses

from tfgen.recipes import relativistic_gan_ring_of_gaussians as ring


def recipe():
    return dataclasses.replace(
        ring.recipe(),
        name="relativistic_gan_grid_of_gaussians",
        dataset="grid_of_gaussians",
        steps=12_000,
    )
