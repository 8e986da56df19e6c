"""Print the time of cached sampling over that of one parallel forward pass, for each model.

usage: python tests/benchmarks/sampling.py [--json FILE] [--batches 1,16] [--sides 28] [--models RE]

Binary images; the best of 5 runs, after compilation, of the images that given noise stands for. The
last columns are what one full pass for each pixel would cost (the pass above, times the pixels)
over the cached sampler, and the sampler's time per image and pixel.
`--sides 8,16,32,64` shows how the cost grows with the image.
"""

import re
import time

import numpy as np
import tensorflow as tf
from absl import app, flags
from report import report

from tfgen.likelihoods import Bernoulli
from tfgen.models import (
    GatedPixelCNN,
    MultiScalePixelRNN,
    PixelCNN,
    PixelCNNPP,
    PixelRNN,
    PixelSNAIL,
)

JSON = flags.DEFINE_string("json", None, "file for the figures")
BATCHES = flags.DEFINE_list("batches", ["1", "16"], "batch sizes")
SIDES = flags.DEFINE_list("sides", ["28"], "heights and widths of the images")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models to measure")

MODELS = {
    "PixelCNN, 15 blocks x 16": lambda shape: PixelCNN(shape, 16, 15, Bernoulli()),
    "GatedPixelCNN, 10 layers x 32": lambda shape: GatedPixelCNN(shape, 32, 10, Bernoulli()),
    "PixelCNNPP, 3 x 2 blocks x 32": lambda shape: PixelCNNPP(shape, 32, 2, likelihood=Bernoulli()),
    "PixelSNAIL, 3 blocks x 32": lambda shape: PixelSNAIL(shape, 32, 3, likelihood=Bernoulli()),
    "PixelRNN, 7 Row LSTM x 16": lambda shape: PixelRNN(shape, "row", 16, 7, Bernoulli()),
    "PixelRNN, 7 Diagonal BiLSTM x 16": lambda shape: PixelRNN(
        shape, "diagonal", 16, 7, Bernoulli()
    ),
    "MultiScalePixelRNN, 7 Diagonal BiLSTM x 16": lambda shape: MultiScalePixelRNN(
        shape, likelihood=Bernoulli()
    ),
}


def seconds(function, runs=5):
    """Return (first call, best of the others)."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:])


def measure(name, side, batch):
    shape = (side, side, 1)
    model = MODELS[name](shape)
    rng = np.random.default_rng(0)
    images = ((rng.random([batch, *shape]) < 0.2) * 255).astype(np.uint8)
    score = tf.function(model.log_prob)
    noise = model.noise(tf.range(batch))
    _, forward = seconds(lambda: score(images).numpy())
    compilation, sampling = seconds(lambda: model.generate(noise).numpy())
    return {
        "model": name,
        "side": side,
        "batch": batch,
        "forward_ms": 1e3 * forward,
        "sampling_ms": 1e3 * sampling,
        "ratio": sampling / forward,
        "first_call_s": compilation,
        "against_a_pass_per_pixel": side * side * forward / sampling,
        "us_per_pixel": 1e6 * sampling / (batch * side * side),
    }


def main(_):
    names = [name for name in MODELS if re.search(CHOSEN.value, name)]
    rows = [
        measure(name, int(side), int(batch))
        for name in names
        for side in SIDES.value
        for batch in BATCHES.value
    ]
    report(rows, JSON.value)


if __name__ == "__main__":
    app.run(main)
