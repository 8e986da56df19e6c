"""A ladder of two groups of latents on binarised MNIST, trained on the importance-weighted bound.

Groups of 100 and 50 numbers as in Burda et al. 2015, k = 5 with the doubly reparameterised
gradient, and a RealNVP flow as prior of the upper group. Not trained to its end yet, so it states
no figure.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import HierarchicalVAE
from tfgen.objectives import IWAE
from tfgen.priors import RealNVP
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return HierarchicalVAE(
            image_shape,
            latent_dims=(100, 50),
            hidden=((200, 200), (100, 100)),
            likelihood=Bernoulli(),
            num_classes=num_classes,
            prior=RealNVP(50, num_layers=6, hidden=128),
            objective=IWAE(5),
        )

    return Recipe(
        name="iwae_mnist",
        summary="two-group ladder VAE with a RealNVP prior, importance-weighted bound, k = 5",
        dataset="mnist",
        levels=2,
        model=model,
        steps=120_000,
        batch_size=128,
        validate_every=5000,
        learning_rate=1e-3,
        warmup_steps=1000,
        average_half_life=200_000,
        clip_norm=200.0,
        importance_samples=5000,
    )
