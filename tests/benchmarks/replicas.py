"""Print what a second replica costs on the same cores, and what checkpoints cost.

usage: python tests/benchmarks/replicas.py [--json FILE] [--models REGULAR_EXPRESSION]

The models and batches of training.py: the best of 3 rounds of 20 steps on one device and on two
logical ones, which share all cores; and one checkpoint, as a share of the 60 s between two.
"""

import re
import tempfile
import time

import numpy as np
import tensorflow as tf
from absl import app, flags
from report import best_seconds, execution, report
from training import BATCH, CHOSEN, JSON, MODELS, SHAPE, STEPS

from tfgen import training
from tfgen.optimizers import FusedAdam
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.run import CHECKPOINT_SECONDS

ROUNDS = flags.DEFINE_integer("rounds", 3, "of which the best counts")


def compiled(name, strategy):
    with strategy.scope():
        model = MODELS[name]()
        model.compile(FusedAdam(1e-3), steps_per_execution=10)
        model.build_optimizers()
    return model


def steps_of(model, images):
    """Return a function that makes STEPS steps."""
    execute = execution(model, images)
    return lambda: [execute() for _ in range(STEPS // model.steps_per_execution)]


def measure(name):
    rng = np.random.default_rng(0)
    images = ((rng.random([BATCH, *SHAPE]) < 0.2) * 255).astype(np.uint8)
    models = [compiled(name, training.choose_strategy(kind)) for kind in ("one", "mirrored")]
    one, two = best_seconds(*(steps_of(model, images) for model in models), runs=ROUNDS.value)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(folder, models[0])
        checkpoints.save(0, {})
        start = time.perf_counter()
        checkpoints.save(1, {})
        save = time.perf_counter() - start
        start = time.perf_counter()
        checkpoints.restore()
        restore = time.perf_counter() - start
    return {
        "model": name,
        "one_device_s": one,
        "two_replicas_s": two,
        "cost_%": 100 * (two / one - 1),
        "checkpoint_s": save,
        "checkpoint_%": 100 * save / CHECKPOINT_SECONDS,
        "restore_s": restore,
    }


def main(_):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    rows = [measure(name) for name in MODELS if re.search(CHOSEN.value, name)]
    report(rows, JSON.value, width=140, digits=3)


if __name__ == "__main__":
    app.run(main)
