"""The minimax game of 2014 on a ring of eight Gaussians, which is known to lose modes.

It stands beside `relativistic_gan_ring_of_gaussians`, from which it differs in the game and in
Adam's rate and betas, which are those of DCGAN. In ten seeds its averaged generator reached all 8
modes, but unevenly, and only 69 to 81 % of the samples were of high quality. At a rate of 1e-3 it
does as well as the relativistic one here, but not on the grid.
"""

from tfgen.models import GAN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return GAN(
            image_shape,
            latent_dim=2,
            generator_hidden=(128, 128, 128),
            discriminator_hidden=(128, 128, 128),
            game="minimax",
            average_half_life=20_000,
            num_classes=num_classes,
        )

    return Recipe(
        name="gan_ring_of_gaussians",
        summary="GAN, dense networks, minimax game",
        dataset="ring_of_gaussians",
        levels=256,
        model=model,
        steps=8000,
        batch_size=256,
        validate_every=1000,
        learning_rate=2e-4,
        final_learning_rate=5e-5,
        beta_1=0.5,
        beta_2=0.999,
        select=None,
    )
