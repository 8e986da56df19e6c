"""A PixelRNN of Diagonal BiLSTMs on binarised MNIST: the paper's 7 layers of 16 units.

Sized for two hours of one CPU core, with a new binarisation of each image every time. Expected:
82.66 nats on the test split, binarised once, after four and a half passes over the data.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import PixelRNN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return PixelRNN(
            image_shape,
            variant="diagonal",
            hidden_channels=16,
            num_layers=7,
            likelihood=Bernoulli(),
            num_classes=num_classes,
        )

    return Recipe(
        name="pixelrnn_diagonal_mnist",
        summary="PixelRNN, 7 Diagonal BiLSTM layers, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=7000,
        batch_size=32,
        validate_every=1750,
        learning_rate=1.5e-3,
        warmup_steps=500,
        average_half_life=20_000,
        published="79.20 nats (van den Oord et al. 2016, static binarisation)",
    )
