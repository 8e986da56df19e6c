"""A PixelRNN of Row LSTMs on the embedded 8x8 digits, with a softmax over their 17 levels.

Expected: about 78.4 nats on the test split, after a minute and a half on two CPU cores.
"""

from tfgen.likelihoods import Categorical
from tfgen.models import PixelRNN
from tfgen.recipes.base import Recipe


def recipe(variant="row", summary="PixelRNN, 4 Row LSTM layers, softmax over 17 levels"):
    def model(image_shape, num_classes):
        return PixelRNN(
            image_shape,
            variant=variant,
            hidden_channels=32,
            num_layers=4,
            likelihood=Categorical(17),
            num_classes=num_classes,
        )

    return Recipe(
        name=f"pixelrnn_{variant}_digits",
        summary=summary,
        dataset="digits",
        levels=17,
        model=model,
        steps=1000,
        validate_every=100,
        learning_rate=2e-3,
        average_half_life=10_000,
    )
