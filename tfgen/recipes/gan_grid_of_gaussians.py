"""The minimax game of 2014 on a grid of twenty-five Gaussians, which is known to lose modes.

It stands beside `relativistic_gan_grid_of_gaussians`, from which it differs in the game and in
Adam's rate and betas, which are those of DCGAN.
"""

import dataclasses

from tfgen.recipes import gan_ring_of_gaussians as ring


def recipe():
    return dataclasses.replace(
        ring.recipe(),
        name="gan_grid_of_gaussians",
        dataset="grid_of_gaussians",
        steps=12_000,
    )
