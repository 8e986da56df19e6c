"""What benchmarks share: the best times of what takes turns, and a table of their figures."""

import json
import resource
import time

import tensorflow as tf
from rich.console import Console
from rich.table import Table


def best_seconds(*functions, runs=3):
    """Return the best time of each of some functions after a first call, which may compile.

    They take turns, so that all of them meet what else the machine does.
    """
    times = [[] for _ in functions]
    for _ in range(runs + 1):
        for function, own in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return [min(own[1:]) for own in times]


def endless(images):
    """Return a dataset of this batch again and again.

    Its autotuning is off, since the end of a `fit` waits for the tuner's thread, as long again as
    the data were in use.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensors(images).repeat().with_options(options)


def execution(model, images):
    """Return a function that makes the training steps of one execution of a compiled model.

    All on one iterator, as `fit` ends with its iterator's, for which several devices wait seconds.
    """
    train = model.make_train_function()
    model.reset_metrics()
    iterator = iter(model.distribute_strategy.experimental_distribute_dataset(endless(images)))
    return lambda: train(iterator)


def peak_mib():
    """Return the process's peak of memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(rows, path=None, width=140, digits=2):
    """Print dicts of one set of keys as a table; write them to `path`, a JSON file, if given."""
    table = Table()
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(
            *(f"{v:,.{digits}f}" if isinstance(v, float) else str(v) for v in row.values())
        )
    Console(width=width).print(table)
    if path:
        with open(path, "w") as file:
            json.dump(rows, file, indent=1)
