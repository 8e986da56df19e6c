"""R3GAN on `cifar10_jpeg`, CIFAR-10 as a TFDS data set of JPEG files, conditional on the class.

Their pixels are not the original ones, so that no figure compares with a published one. Not trained
to its end yet, so it states no figure.
"""

import dataclasses

from tfgen.recipes import r3gan_mnist


def recipe():
    return dataclasses.replace(
        r3gan_mnist.recipe(),
        name="r3gan_cifar10_jpeg",
        summary="R3GAN conditional on the class, relativistic game with R1 and R2",
        dataset="cifar10_jpeg",
        conditional=True,
        binarised_too=False,
        model=r3gan_mnist.model_of((32, 48, 64), gamma=0.1, patch_size=2),
        steps=24_000,
        validate_every=2000,
        learning_rate=5e-4,
    )
