"""The relativistic game with R1 and R2 on a grid of twenty-five Gaussians: no mode is lost.

The penalties' weight is small, as the Gaussians are narrow: D must change within a few sigma. The
noise is of the plane too: more of it leaves more samples between the Gaussians.
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
