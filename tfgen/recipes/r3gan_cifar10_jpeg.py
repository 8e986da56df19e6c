"""R3GAN on `cifar10_jpeg`, CIFAR-10 as a TFDS data set of JPEG files.

Their pixels are not the original ones, so that no figure compares with a published one. Not trained
to its end yet, so it states no figure.
"""

import dataclasses

from tfgen.recipes import r3gan_mnist


def recipe():
    return dataclasses.replace(
        r3gan_mnist.recipe(),
        name="r3gan_cifar10_jpeg",
        dataset="cifar10_jpeg",
        model=r3gan_mnist.model_of((16, 32, 64, 64), gamma=0.1),
    )
