"""A dense VAE on the embedded 8x8 digits.

1,297 training images are few: the bound turns within a thousand steps, and what is kept is the
best on the validation split.
"""

import dataclasses

from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models import VAE
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return VAE(
            image_shape,
            latent_dim=16,
            hidden=(256, 256),
            likelihood=DiscretizedLogisticMixture(levels=17, num_mixtures=3),
            num_classes=num_classes,
        )

    return Recipe(
        name="vae_digits",
        summary="VAE, dense networks, discretised logistic pixels",
        dataset="digits",
        levels=17,
        model=model,
        steps=2000,
        batch_size=128,
        validate_every=100,
        average_half_life=10_000,
        clip_norm=100.0,
    )


def conditional():
    """Return the recipe of the same model, given the class."""
    return dataclasses.replace(
        recipe(),
        name="vae_digits_conditional",
        summary="class-conditional VAE, dense networks, discretised logistic pixels",
        conditional=True,
    )
