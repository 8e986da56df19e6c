"""R3GAN on the colour images of `cifar10_jpeg`: CIFAR-10 as a TFDS data set of JPEG files.

Not trained to its end yet, so it states no figure.
"""

from tfgen.games import Relativistic
from tfgen.models import R3GAN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return R3GAN(
            image_shape,
            latent_dim=64,
            widths=(16, 32, 64, 64),
            num_blocks=1,
            game=Relativistic(gamma=0.1),
            average_half_life=20_000,
            num_classes=num_classes,
        )

    return Recipe(
        name="r3gan_cifar10_jpeg",
        summary="R3GAN, residual networks, relativistic game with R1 and R2",
        dataset="cifar10_jpeg",
        levels=256,
        model=model,
        steps=12_000,
        validate_every=1000,
        learning_rate=2e-4,
        final_learning_rate=5e-5,
        beta_1=0.0,
        beta_2=0.99,
        select=None,
    )
