"""Print the latency of exported entries' endpoints by batch size, beside the Keras model's.

usage: python tests/benchmarks/serving.py [--json FILE] [--entries RE] [--batches 1,16,64]
           [--endpoints RE] [--without_xla]

The best of 20 calls, in turn with the Keras model's, after a first one, which compiles.
`--without_xla` shows a server that refuses to compile, as TF Serving's does unless it is told
otherwise; the Keras model is left out then. What an endpoint returns must be what the Keras model
does; for `sample_png`, it writes the same images as PNG files.
"""

import ctypes
import pathlib
import re
import tempfile
import time

import numpy as np
import tensorflow as tf
from absl import app, flags
from report import best_seconds, report

import tfgen
from tfgen import zoo
from tfgen.export import saved_model, serving

JSON = flags.DEFINE_string("json", None, "file for the figures")
ENTRIES = flags.DEFINE_string("entries", "", "regular expression of the entries to measure")
ENDPOINTS = flags.DEFINE_string("endpoints", "", "regular expression of the endpoints to measure")
BATCHES = flags.DEFINE_list("batches", ["1", "16", "64"], "batch sizes")
WITHOUT_XLA = flags.DEFINE_bool("without_xla", False, "let XLA compile nothing")
RUNS = 20


def keras_call(model, endpoint, inputs):
    """Return a function that does what an endpoint does, with the Keras model."""
    if endpoint == "sample":
        labels = inputs.get("labels")
        return lambda: model.generate(model.noise(inputs["seeds"]), labels).numpy()
    if endpoint == "sample_png":
        images = keras_call(model, "sample", inputs)
        return lambda: np.array([tf.io.encode_png(image).numpy() for image in images()], object)
    return lambda: np.asarray(getattr(model, endpoint)(**inputs))


def measure(entry):
    model = tfgen.load(entry.path)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        endpoints = saved_model.save(model, pathlib.Path(folder))
        exporting = time.perf_counter() - start
        functions = tf.saved_model.load(folder).signatures
    for endpoint, (specs, outputs) in endpoints.items():
        if not re.search(ENDPOINTS.value, endpoint):
            continue
        (output,) = outputs
        for batch in map(int, BATCHES.value):
            inputs = serving.example_inputs(specs, batch, model.num_classes)
            tensors = {key: tf.constant(value) for key, value in inputs.items()}

            def served(function=functions[endpoint], tensors=tensors, output=output):
                return function(**tensors)[output].numpy()

            row = {"entry": entry.name, "export_s": exporting, "endpoint": endpoint, "batch": batch}
            if WITHOUT_XLA.value:
                (best,) = best_seconds(served, runs=RUNS)
                yield {**row, "served_ms": 1e3 * best}
                continue
            called = keras_call(model, endpoint, inputs)
            if endpoint == "sample_png":
                np.testing.assert_array_equal(served(), called())
            else:
                np.testing.assert_allclose(served(), called(), rtol=1e-4, atol=1e-4)
            best, keras = best_seconds(served, called, runs=RUNS)
            row |= {"served_ms": 1e3 * best, "keras_ms": 1e3 * keras, "ratio": best / keras}
            yield row


def main(_):
    if WITHOUT_XLA.value:
        (library,) = pathlib.Path(tf.__file__).parent.glob("libtensorflow_cc.*")
        ctypes.CDLL(str(library))._ZN10tensorflow21DisableXlaCompilationEv()
    entries = [entry for entry in zoo.entries() if re.search(ENTRIES.value, entry.name)]
    report([row for entry in entries for row in measure(entry)], JSON.value)


if __name__ == "__main__":
    app.run(main)
