"""The VAE of the importance-weighted autoencoders' paper on binarised MNIST: one stochastic layer.

Encoder and decoder have two layers of 200 units, z has 50 numbers (Burda et al. 2015, section 5);
ReLU for their tanh. Not trained to its end yet, so it states no figure.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import VAE
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return VAE(
            image_shape,
            latent_dim=50,
            hidden=(200, 200),
            likelihood=Bernoulli(),
            num_classes=num_classes,
        )

    return Recipe(
        name="vae_mnist",
        summary="VAE, dense networks, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=100_000,
        batch_size=128,
        validate_every=5000,
        learning_rate=1e-3,
        warmup_steps=500,
        average_half_life=200_000,
        importance_samples=5000,
    )
