"""Print the figures of the networks of TensorFlow's DCGAN tutorial, trained as the entries are.

usage: python tests/benchmarks/tutorial_dcgan.py --out FOLDER [--steps 3000] [--json FILE]

MNIST, batches of 256, the non-saturating game, Adam(1e-4) throughout: as the tutorial trains them
(https://www.tensorflow.org/tutorials/generative/dcgan; 50 epochs, some 11,700 steps). Data, moving
average and metrics are those of the recipes. A training that was interrupted goes on if it is
asked for again.
"""

import shlex
import sys

import keras
from absl import app, flags
from report import report

from tfgen import training, zoo
from tfgen.models import GAN
from tfgen.recipes.base import Recipe

OUT = flags.DEFINE_string("out", None, "folder of the entry", required=True)
STEPS = flags.DEFINE_integer("steps", 3000, "steps of 256 images")
JSON = flags.DEFINE_string("json", None, "file for the figures")

LATENT_DIM = 100
FIGURES = ("Fréchet distance", "precision", "recall", "density", "coverage")
FEATURES = "MNIST classifier"


def generator(image_shape):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input([LATENT_DIM]),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape([7, 7, 256]),
            layers.Conv2DTranspose(128, 5, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(
                image_shape[-1], 5, strides=2, padding="same", use_bias=False, activation="tanh"
            ),
        ]
    )


def discriminator(image_shape):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(64, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(128, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def recipe(steps):
    def model(image_shape, _num_classes):  # of which the tutorial knows nothing
        return GAN(
            image_shape,
            LATENT_DIM,
            game="non_saturating",
            average_half_life=20_000,
            generator=generator(image_shape),
            discriminator=discriminator(image_shape),
        )

    return Recipe(
        name="tutorial_dcgan",
        summary="the networks of TensorFlow's DCGAN tutorial",
        dataset="mnist",
        levels=256,
        model=model,
        steps=steps,
        batch_size=256,
        learning_rate=1e-4,
        final_learning_rate=1e-4,
        select=None,
    )


def main(_):
    again = shlex.join(["python", *sys.argv])
    info = zoo.find(training.train(recipe(STEPS.value), OUT.value, resume_command=again)).info
    row = {name: info["metrics"][f"{name}, {FEATURES}"]["value"] for name in FIGURES}
    report([{"steps": STEPS.value, "seconds": info["training"]["seconds"], **row}], JSON.value)


if __name__ == "__main__":
    app.run(main)
