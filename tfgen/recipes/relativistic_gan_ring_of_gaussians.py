"""The relativistic game with R1 and R2 on a ring of eight Gaussians.

The penalties' weight is small, as the Gaussians are narrow: D must change within a few sigma. The
noise is of the plane too: more of it leaves more samples between the Gaussians. Expected: all 8
modes and 96.2 to 98.1 % of the samples of high quality in ten seeds (real points: 98.5 %), each
after half a minute on two CPU cores.
"""

from tfgen.games import Relativistic
from tfgen.models import GAN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return GAN(
            image_shape,
            latent_dim=2,
            generator_hidden=(128, 128, 128),
            discriminator_hidden=(128, 128, 128),
            game=Relativistic(gamma=0.01),
            average_half_life=20_000,
            num_classes=num_classes,
        )

    return Recipe(
        name="relativistic_gan_ring_of_gaussians",
        summary="GAN, dense networks, relativistic game",
        dataset="ring_of_gaussians",
        levels=256,
        model=model,
        steps=8000,
        batch_size=256,
        validate_every=1000,
        learning_rate=5e-3,
        final_learning_rate=5e-5,
        beta_1=0.0,
        beta_2=0.99,
        select=None,
    )
