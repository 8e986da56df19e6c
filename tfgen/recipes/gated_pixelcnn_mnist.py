"""A Gated PixelCNN on binarised MNIST: 10 layers of 32 maps in each stack.

Sized for two hours of one CPU core without bfloat16 instructions, with a new binarisation of each
image every time. Expected: 84.65 nats on the test split, binarised once, after six passes over the
data.
"""

from tfgen.likelihoods import Bernoulli
from tfgen.models import GatedPixelCNN
from tfgen.recipes.base import Recipe


def recipe():
    def model(image_shape, num_classes):
        return GatedPixelCNN(
            image_shape,
            hidden_channels=32,
            num_layers=10,
            likelihood=Bernoulli(),
            num_classes=num_classes,
        )

    return Recipe(
        name="gated_pixelcnn_mnist",
        summary="Gated PixelCNN, 10 layers, Bernoulli pixels",
        dataset="mnist",
        levels=2,
        model=model,
        steps=18_000,
        batch_size=16,
        validate_every=4500,
        learning_rate=1e-3,
        warmup_steps=1000,
        average_half_life=20_000,
        published=(
            "81.50 nats (github.com/EugenHotaj/pytorch-generative, 3,364,161 parameters, "
            "dynamic binarisation)"
        ),
    )
