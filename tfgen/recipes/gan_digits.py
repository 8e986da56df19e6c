"""A convolutional GAN on the embedded 8x8 digits, in the non-saturating form of the game.

A game has no loss that says when it is best; the last averaged generator is kept.
Expected: a Fréchet distance of raw pixels of about 1.09, where the training images score 0.56,
after some 50 seconds on two CPU cores.
"""

from tfgen.models import GAN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return GAN(
            image_shape,
            latent_dim=32,
            generator_hidden=(32, 64),
            discriminator_hidden=(32, 64),
            network="convolutional",
            game="non_saturating",
            num_classes=num_classes,
        )

    return Recipe(
        name="gan_digits",
        summary="GAN, convolutional networks, non-saturating game",
        dataset="digits",
        levels=17,
        model=model,
        steps=5000,
        validate_every=1000,
        learning_rate=5e-4,
        final_learning_rate=1e-4,
        beta_1=0.5,
        select=None,
    )
