"""Train every example on two worker processes, and on one device, and compare.

usage: python tests/workers.py [--models REGULAR_EXPRESSION] [--precision mixed_bfloat16]

20 steps of plain descent, 2 an execution, with validation, on the same global batches. In float32
the weights and losses must agree to 1e-5; in another precision the losses to a hundredth, and the
weights to a twentieth of the longest way that one of them has gone.
"""

import contextlib
import json
import os
import pathlib
import pickle
import re
import socket
import subprocess
import sys
import tempfile

from absl import app, flags

sys.path.append(str(pathlib.Path(__file__).parent / "models"))

CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models")
PRECISION = flags.DEFINE_string("precision", "float32", "Keras's dtype policy")
OUT = flags.DEFINE_string("out", None, "of a worker: file for its results")

STEPS, BATCH = 20, 16


def start_workers(commands, **options):
    """Start a process for each command, which TF_CONFIG tells of the others; return them."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in commands]
        for free in sockets:
            free.bind(("localhost", 0))
        addresses = [f"localhost:{free.getsockname()[1]}" for free in sockets]
    processes = []
    for index, command in enumerate(commands):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(task), "TF_CPP_MIN_LOG_LEVEL": "3"}
        processes.append(subprocess.Popen(command, env=environment, **options))
    return processes


def results(strategy):
    """Return name -> (weights, their way, history) of each chosen example."""
    import keras
    import tensorflow as tf
    from test_laws import CASES, build, data_for

    keras.config.set_dtype_policy(PRECISION.value)
    found = {}
    for name, case in CASES:
        if not re.search(CHOSEN.value, f"{name}: {case}"):
            continue
        with strategy.scope():
            model = build(name, case)
            optimizer = keras.optimizers.SGD(1e-3, global_clipnorm=1.0)
            model.compile(optimizer, steps_per_execution=2)
        start = model.get_weights()
        data = tf.data.Dataset.from_tensor_slices(data_for(model, 64))
        data = data.batch(BATCH, drop_remainder=True)
        history = model.fit(
            data.repeat(), steps_per_epoch=STEPS // 2, epochs=2, validation_data=data, verbose=0
        ).history
        weights = model.get_weights()
        found[f"{name}: {case}"] = weights, furthest(start, weights), history
    return found


def furthest(weights, others):
    """Return the largest distance of a number in lists of arrays to its like."""
    import numpy as np

    return max(
        float(np.max(np.abs(a - b), initial=0)) for a, b in zip(weights, others, strict=True)
    )


def main(_):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfgen import training

    if OUT.value:
        found = results(training.choose_strategy("multiworker"))
        pathlib.Path(OUT.value).write_bytes(pickle.dumps(found))
        return
    folder = pathlib.Path(tempfile.mkdtemp())
    outs = [folder / "worker0", folder / "worker1"]
    workers = start_workers([[sys.executable, *sys.argv, "--out", str(out)] for out in outs])
    one = results(training.choose_strategy("one"))
    if any([worker.wait() for worker in workers]):
        raise SystemExit("a worker failed")
    two = [pickle.loads(out.read_bytes()) for out in outs]
    exact = PRECISION.value == "float32"
    for name, (weights, way, history) in one.items():
        apart = max(furthest(weights, found[name][0]) for found in two)
        losses = max(
            abs(a - b) / max(1, abs(a))
            for found in two
            for key in history
            for a, b in zip(history[key], found[name][2][key], strict=True)
        )
        print(f"{name}: weights {apart:.1e} apart after a way of {way:.1e}, losses {losses:.1e}")
        if apart > (1e-5 if exact else way / 20) or losses > (1e-5 if exact else 0.01):
            raise SystemExit(f"{name} differs")
    print(f"{len(one)} examples: two workers equal one device")


if __name__ == "__main__":
    app.run(main)
