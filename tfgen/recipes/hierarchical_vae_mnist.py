"""A ladder VAE on binarised MNIST: convolutions up to a group of 40 numbers, 20 above it.

Trained on the ELBO, whose KL grows to its weight over the first steps. A spatial ladder of 14x14
and 7x7 places has nothing that holds an image together: after 6,000 steps its ELBO stood at 104
nats on the validation split, and its samples were loose strokes. Expected: an importance-weighted
bound (k = 500) of 83.95 nats on the test split, after an hour on one CPU core.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import HierarchicalVAE
from tfgen.objectives import ELBO
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return HierarchicalVAE(
            image_shape,
            latent_dims=(40, 20),
            hidden=((16, 32, 64), (96,)),
            network="convolutional",
            likelihood=Bernoulli(),
            num_classes=num_classes,
            objective=ELBO(warmup_steps=2000),
        )

    return Recipe(
        name="hierarchical_vae_mnist",
        summary="two-group convolutional ladder VAE, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=30_000,
        batch_size=64,
        validate_every=3000,
        learning_rate=2e-3,
        warmup_steps=500,
        average_half_life=100_000,
        clip_norm=200.0,
        published=(
            "two layers of latents, 85.33 nats on the ELBO, 82.90 with k = 50 (Burda et al. 2015, "
            "k = 5000, dynamic binarisation)"
        ),
    )
