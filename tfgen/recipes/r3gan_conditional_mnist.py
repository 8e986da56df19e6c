"""`r3gan_mnist` conditional on the digit, as `tfgen.models.R3GAN` uses labels.

Not trained to its end yet, so it states no figure.
"""

import dataclasses

from tfgen.recipes import r3gan_mnist


def recipe():
    return dataclasses.replace(
        r3gan_mnist.recipe(),
        name="r3gan_conditional_mnist",
        summary="R3GAN conditional on the digit, relativistic game with R1 and R2",
        conditional=True,
    )
