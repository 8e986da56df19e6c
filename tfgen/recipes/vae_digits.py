"""A dense VAE on the embedded 8x8 digits; about a minute on two CPU cores."""

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
        steps=6000,
        batch_size=128,
        learning_rate=1e-3,
        average_half_life=20_000,
        clip_norm=100.0,
    )
