"""Print what R3GAN's output, the weight of its penalties and its learning rate do on MNIST.

usage: python tests/benchmarks/r3gan_settings.py [--json FILE] [--settings REGULAR_EXPRESSION]

Short trainings, 160,000 images, of a narrow R3GAN, widths 16-32 on patches of 2x2. The figures are
those of one set of 10,000 samples beside the 10,000 images of the validation split: what they are
for is to choose the settings of the recipes. Five minutes a training on one core.
"""

import dataclasses
import re

import keras
from absl import app, flags
from report import report

from tfgen import data, metrics, recipes
from tfgen.games import Relativistic
from tfgen.models import R3GAN

JSON = flags.DEFINE_string("json", None, "file for the figures")
CHOSEN = flags.DEFINE_string("settings", "", "regular expression of the settings to train")

STEPS, STEPS_PER_EXECUTION = 2500, 25
SETTINGS = [  # with labels, output, gamma, rate of Adam
    (True, "linear", 10.0, 1e-3),
    (True, "linear", 1.0, 1e-3),
    (True, "tanh", 1.0, 1e-3),
    (True, "tanh", 0.1, 1e-3),
    (False, "tanh", 1.0, 1e-3),
    (False, "tanh", 1.0, 3e-3),
    (False, "tanh", 3.0, 3e-3),
]
FIGURES = ("Fréchet distance", "precision", "recall", "coverage")


def called(labels, output, gamma, rate):
    return f"{'with' if labels else 'without'} labels, {output}, gamma {gamma:g}, rate {rate:g}"


def measure(images, labels, output, gamma, rate):
    keras.utils.set_random_seed(0)
    model = R3GAN(
        images.image_shape,
        latent_dim=64,
        widths=(16, 32),
        num_blocks=1,
        game=Relativistic(gamma),
        average_half_life=20_000,
        num_classes=images.num_classes * labels,
        output_activation=output,
        patch_size=2,
    )
    start = images.images("train", 10_000), images.labels("train", 10_000)
    model.adapt(*start[: 1 + labels])
    recipe = dataclasses.replace(
        recipes.get("r3gan_mnist"), steps=STEPS, learning_rate=rate, final_learning_rate=rate / 20
    )
    model.compile(**recipe.optimizers(model), steps_per_execution=STEPS_PER_EXECUTION)
    batches = images.train_batches(recipe.batch_size)
    losses = model.fit(batches, steps_per_epoch=STEPS, verbose=0).history
    figures = metrics.evaluate(model, images, "validation", sampling_seeds=1)
    return {
        **{name: figures[f"{name}, MNIST classifier"]["value"] for name in FIGURES},
        "mean loss of D": losses["discriminator_loss"][-1],
    }


def main(_):
    images = data.load("mnist", levels=256)
    rows = []
    for settings in SETTINGS:
        if re.search(CHOSEN.value, called(*settings)):
            rows.append({"settings": called(*settings), **measure(images, *settings)})
            print(rows[-1], flush=True)
    report(rows, JSON.value, digits=3)


if __name__ == "__main__":
    app.run(main)
