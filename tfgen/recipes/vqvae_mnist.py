"""A VQ-VAE on binarised MNIST: 7x7 maps of 128 codes."""

from tfgen.likelihoods import Bernoulli
from tfgen.models import VQVAE
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return VQVAE(
            image_shape,
            embedding_dim=16,
            num_codes=128,
            hidden=(16, 32, 64),
            num_residual=2,
            likelihood=Bernoulli(),
            prior_channels=32,
            prior_blocks=8,
            num_classes=num_classes,
        )

    return Recipe(
        name="vqvae_mnist",
        summary="VQ-VAE, 7x7 map of 128 codes, PixelCNN prior, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=25_000,
        validate_every=1000,
        learning_rate=1e-3,
        warmup_steps=500,
        average_half_life=50_000,
        precision="mixed_bfloat16",
    )
