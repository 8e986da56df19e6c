"""Print the time of cached sampling over that of one parallel forward pass, for each model.

usage: python tests/benchmarks/sampling.py [--json FILE] [--batches 1,16,64]

28x28 binary images, 16 channels; 15 residual blocks or 7 recurrent layers; the best of 5 runs. The
last column is what one full pass for each of the 784 pixels would cost over the cached sampler.
"""

import json
import time

import numpy as np
import tensorflow as tf
from absl import app, flags
from rich.console import Console
from rich.table import Table

from tfgen.likelihoods import Bernoulli
from tfgen.models import PixelCNN, PixelRNN

JSON = flags.DEFINE_string("json", None, "file for the figures")
BATCHES = flags.DEFINE_list("batches", ["1", "16", "64"], "batch sizes")

SHAPE = (28, 28, 1)
MODELS = {
    "PixelCNN, 15 blocks": lambda: PixelCNN(SHAPE, 16, 15, Bernoulli()),
    "PixelRNN, 7 Row LSTM": lambda: PixelRNN(SHAPE, "row", 16, 7, Bernoulli()),
    "PixelRNN, 7 Diagonal BiLSTM": lambda: PixelRNN(SHAPE, "diagonal", 16, 7, Bernoulli()),
}


def seconds(function, runs=5):
    """Return (first call, best of the others)."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:])


def measure(name, batch):
    model = MODELS[name]()
    rng = np.random.default_rng(0)
    images = ((rng.random([batch, *SHAPE]) < 0.2) * 255).astype(np.uint8)
    score = tf.function(model.log_prob)
    noise = model.noise(tf.range(batch))
    _, forward = seconds(lambda: score(images).numpy())
    compilation, sampling = seconds(lambda: model.generate(noise).numpy())
    return {
        "model": name,
        "batch": batch,
        "forward_ms": 1e3 * forward,
        "sampling_ms": 1e3 * sampling,
        "ratio": sampling / forward,
        "first_call_s": compilation,
        "against_a_pass_per_pixel": SHAPE[0] * SHAPE[1] * forward / sampling,
    }


def main(_):
    rows = [measure(name, int(batch)) for name in MODELS for batch in BATCHES.value]
    table = Table()
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=140).print(table)
    if JSON.value:
        with open(JSON.value, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    app.run(main)
