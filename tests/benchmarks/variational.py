"""Print the time of a VAE's training step and of its bound over that of their bare matrix products.

usage: python tests/benchmarks/variational.py [--json FILE] [--models RE] [--bound_images 1000]

28x28 images, Bernoulli pixels, batches of 128, 10 steps an execution, the best of 5 epochs of 50
steps. The bare products are those of the networks' dense layers, forward and backward, in one
compiled function and with nothing between them. The bound has k = 5000; its time is measured on
`--bound_images` and told for 10,000. bound_MiB is by how much the process's peak of memory rises
for the bound of 10,000 images in one call, which k does not change.
"""

import re
import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from report import endless, peak_mib, report

from tfgen.likelihoods import Bernoulli
from tfgen.models import VAE, HierarchicalVAE
from tfgen.objectives import IWAE
from tfgen.optimizers import FusedAdam
from tfgen.priors import RealNVP

JSON = flags.DEFINE_string("json", None, "file for the figures")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models to measure")
BOUND_IMAGES = flags.DEFINE_integer("bound_images", 1000, "images whose bound is timed; 0: none")

SHAPE, BATCH, STEPS, SAMPLES, CHUNK = (28, 28, 1), 128, 50, 5000, 50
LADDER = {"latent_dims": (100, 50), "hidden": ((200, 200), (100, 100)), "likelihood": Bernoulli()}
MODELS = {
    "VAE, 200-200, z 50": lambda: VAE(SHAPE, 50, (200, 200), likelihood=Bernoulli()),
    "IWAE k 5, two groups, z 100 / 50": lambda: HierarchicalVAE(SHAPE, **LADDER, objective=IWAE(5)),
    "the same with a RealNVP prior": lambda: HierarchicalVAE(
        SHAPE, **LADDER, objective=IWAE(5), prior=RealNVP(50)
    ),
}


def dense_layers(model):
    """Return (kernel's shape, whether it runs once an image rather than once a sample)."""
    networks = [(model.encoder, True), (model.decoder, False)]
    networks += [(network, False) for network in getattr(model, "descents", [])]
    networks += [(network, False) for network in getattr(model.prior, "couplings", [])]
    return [
        (layer.kernel.shape, once)
        for network, once in networks
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense)
    ]


def best(function, repeats=5):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def products(layers, backward):
    """Return the seconds of the products of (rows, (inputs, outputs)) layers."""
    operands = [
        (tf.random.normal([rows, n]), tf.random.normal([n, m]), tf.random.normal([rows, m]))
        for rows, (n, m) in layers
    ]

    @tf.function
    def run():
        sums = []
        for index, (x, kernel, gradient) in enumerate(operands):
            sums.append(tf.linalg.matmul(x, kernel)[0, 0])
            if backward:
                sums.append(tf.linalg.matmul(x, gradient, transpose_a=True)[0, 0])
            if backward and index:  # not of the encoder's first: the images need no gradient
                sums.append(tf.linalg.matmul(gradient, kernel, transpose_b=True)[0, 0])
        return tf.add_n(sums)

    return best(lambda: [float(run()) for _ in range(5)]) / 5


def measure(name):
    model = MODELS[name]()
    model.compile(FusedAdam(1e-3), steps_per_execution=10)
    rng = np.random.default_rng(0)
    images = ((rng.random([BATCH, *SHAPE]) < 0.2) * 255).astype(np.uint8)
    data = endless(images)

    def epoch():
        model.fit(data, steps_per_epoch=STEPS, verbose=0, shuffle=False)

    step = best(epoch) / STEPS
    layers, samples = dense_layers(model), model.objective.num_samples
    bare = products([(BATCH * (1 if once else samples), k) for k, once in layers], backward=True)
    row = {
        "model": name,
        "images_per_second": BATCH / step,
        "step_ms": 1000 * step,
        "products_ms": 1000 * bare,
        "ratio": step / bare,
    }
    n = BOUND_IMAGES.value
    if n:
        before = peak_mib()
        model.log_prob_bound(np.resize(images, [10_000, *SHAPE]), np.arange(10_000), CHUNK)
        row["bound_MiB"] = peak_mib() - before
        given = np.resize(images, [n, *SHAPE])
        start = time.perf_counter()
        for first in range(0, n, 100):
            seeds = np.arange(first, first + 100)
            model.log_prob_bound(given[first : first + 100], seeds, SAMPLES)
        seconds = (time.perf_counter() - start) * 10_000 / n
        block = products([(100 * CHUNK, k) for k, once in layers if not once], backward=False)
        bare = block * 10_000 / 100 * SAMPLES / CHUNK
        row |= {"bound_s": seconds, "bound_products_s": bare, "bound_ratio": seconds / bare}
    return row


def main(_):
    rows = [measure(name) for name in MODELS if re.search(CHOSEN.value, name)]
    report(rows, JSON.value, width=160)


if __name__ == "__main__":
    app.run(main)
