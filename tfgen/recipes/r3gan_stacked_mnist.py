"""R3GAN on Stacked MNIST, three digits in three colours: a thousand modes.

Not trained to its end yet, so it states no figure.
"""

import dataclasses

from tfgen.recipes import r3gan_mnist


def recipe():
    return dataclasses.replace(
        r3gan_mnist.recipe(),
        name="r3gan_stacked_mnist",
        dataset="stacked_mnist",
        binarised_too=False,
        model=r3gan_mnist.model_of((24, 48), gamma=1.0, output_activation="tanh", patch_size=2),
        steps=24_000,
        validate_every=2000,
    )
