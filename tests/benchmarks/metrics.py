"""Print the seconds and the memory of each metric of sample quality on features of normal noise.

usage: python tests/benchmarks/metrics.py [--json FILE] [--samples 10000] [--dimensions 128]

Two sets of as many features; the shipped classifier's have 128 dimensions, and it is timed on as
many random images of 28x28. The memory is the process's peak so far.
"""

import time

import numpy as np
from absl import app, flags
from report import peak_mib, report

from tfgen.metrics import density_coverage, frechet_distance, kernel_distance, precision_recall
from tfgen.metrics.features import extract
from tfgen.metrics.neighbours import Neighbourhood

JSON = flags.DEFINE_string("json", None, "file for the figures")
SAMPLES = flags.DEFINE_integer("samples", 10_000, "features of each set")
DIMENSIONS = flags.DEFINE_integer("dimensions", 128, "of a feature")


def main(_):
    rng = np.random.default_rng(0)
    size = [2, SAMPLES.value, DIMENSIONS.value]
    real, fake = rng.normal(size=size).astype(np.float32)
    images = rng.integers(0, 256, [SAMPLES.value, 28, 28, 1]).astype(np.uint8)
    neighbourhoods = Neighbourhood(real), Neighbourhood(fake)
    parts = {
        "classifier features": lambda: extract(images, "classifier"),
        "Fréchet distance": lambda: frechet_distance(fake, real),
        "kernel distance": lambda: kernel_distance(fake, real),
        "precision and recall": lambda: precision_recall(*neighbourhoods),
        "density and coverage, after them": lambda: density_coverage(*neighbourhoods),
    }
    rows = []
    for name, part in parts.items():
        start = time.perf_counter()
        part()
        seconds = time.perf_counter() - start
        rows.append({"metric": name, "seconds": seconds, "peak_MiB": peak_mib()})
    report(rows, JSON.value, width=100)


if __name__ == "__main__":
    app.run(main)
