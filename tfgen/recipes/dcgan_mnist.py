"""A DCGAN on MNIST: two 5x5 convolutions of stride 2 a player, 64 and 128 filters.

The discriminator is that of TensorFlow's tutorial, with the paper's batch normalisation in place of
dropout; the generator mirrors it. Initialisation, Adam(2e-4, beta_1=0.5) and the non-saturating
game are the paper's. Expected: a Fréchet distance of 54 on the features of the MNIST classifier,
after some 90 minutes on one CPU core.
"""

from tfgen.models import DCGAN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return DCGAN(
            image_shape,
            latent_dim=32,
            filters=(64, 128),
            average_half_life=20_000,
            num_classes=num_classes,
        )

    return Recipe(
        name="dcgan_mnist",
        summary="DCGAN, two strided convolutions a player, non-saturating game",
        dataset="mnist",
        levels=256,
        binarised_too=True,
        model=model,
        steps=12_000,
        validate_every=2000,
        learning_rate=2e-4,
        final_learning_rate=2e-5,
        beta_1=0.5,
        select=None,
    )
