"""Print training images/s of each model, with the stock `fit`, after compilation.

usage: python tests/benchmarks/training.py [--json FILE] [--models REGULAR_EXPRESSION]

28x28 images, batches of 64, 10 steps an execution, the best of 3 epochs of 20 steps.
"""

import re
import time

import numpy as np
from absl import app, flags
from report import endless, report

from tfgen.likelihoods import Bernoulli
from tfgen.models import (
    GAN,
    VAE,
    Autoencoder,
    GatedPixelCNN,
    MultiScalePixelRNN,
    PixelCNN,
    PixelCNNPP,
    PixelRNN,
    PixelSNAIL,
)
from tfgen.optimizers import FusedAdam

JSON = flags.DEFINE_string("json", None, "file for the figures")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models to measure")

SHAPE, BATCH, STEPS = (28, 28, 1), 64, 20
MODELS = {
    "autoencoder, 256-256": lambda: Autoencoder(SHAPE),
    "VAE, 200-200, z 50": lambda: VAE(SHAPE, 50, (200, 200), likelihood=Bernoulli()),
    "VAE, convolutions 32-64": lambda: VAE(SHAPE, 50, (32, 64), "convolutional", Bernoulli()),
    "GAN, 256-128": lambda: GAN(SHAPE),
    "GAN, convolutions 32-64": lambda: GAN(SHAPE, 64, (32, 64), (32, 64), "convolutional"),
    "PixelCNN, 15 blocks x 16": lambda: PixelCNN(SHAPE, 16, 15, Bernoulli()),
    "GatedPixelCNN, 10 layers x 32": lambda: GatedPixelCNN(SHAPE, 32, 10, Bernoulli()),
    "PixelCNNPP, 3 x 2 blocks x 32": lambda: PixelCNNPP(SHAPE, 32, 2, likelihood=Bernoulli()),
    "PixelSNAIL, 3 blocks x 32": lambda: PixelSNAIL(SHAPE, 32, 3, likelihood=Bernoulli()),
    "PixelRNN, 7 Row LSTM x 16": lambda: PixelRNN(SHAPE, "row", 16, 7, Bernoulli()),
    "PixelRNN, 7 Diagonal BiLSTM x 16": lambda: PixelRNN(SHAPE, "diagonal", 16, 7, Bernoulli()),
    "MultiScalePixelRNN, 7 Diagonal BiLSTM x 16": lambda: MultiScalePixelRNN(
        SHAPE, likelihood=Bernoulli()
    ),
}


def measure(name):
    model = MODELS[name]()
    model.compile(FusedAdam(1e-3), steps_per_execution=10)
    rng = np.random.default_rng(0)
    images = ((rng.random([BATCH, *SHAPE]) < 0.2) * 255).astype(np.uint8)
    data = endless(images)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        model.fit(data, steps_per_epoch=STEPS, verbose=0, shuffle=False)
        times.append(time.perf_counter() - start)
    return {
        "model": name,
        "parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        "images_per_second": BATCH * STEPS / min(times[1:]),
        "first_epoch_s": times[0],
    }


def main(_):
    rows = [measure(name) for name in MODELS if re.search(CHOSEN.value, name)]
    report(rows, JSON.value, width=120, digits=1)


if __name__ == "__main__":
    app.run(main)
