"""Which devices a training runs on."""

import functools
import json
import os

import tensorflow as tf

from tfgen.errors import UserError

STRATEGIES = ("auto", "one", "mirrored", "multiworker")


@functools.cache  # Two strategies over the same devices in one process confuse their collectives.
def choose_strategy(name="auto"):
    """Return the `tf.distribute.Strategy` called `name`; a strategy itself is passed through.

    `auto` mirrors the model over all GPUs if there are several, else takes the one device;
    `mirrored` takes all GPUs, or all logical CPU devices where there is no GPU; `multiworker` is
    one of several processes, which TF_CONFIG describes.
    """
    if isinstance(name, tf.distribute.Strategy):
        return name
    if name not in STRATEGIES:
        raise UserError(
            f"strategy must be a tf.distribute.Strategy or one of {', '.join(STRATEGIES)}, "
            f"but is '{name}'."
        )
    gpus = tf.config.list_logical_devices("GPU")
    if name == "one" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if name == "multiworker":
        _check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def check_batch_size(batch_size, strategy):
    """Raise `UserError` unless the replicas can share a batch evenly."""
    replicas = strategy.num_replicas_in_sync
    if batch_size < 1:
        raise UserError(f"batch_size must be at least 1, but is {batch_size}.")
    if batch_size % replicas:
        raise UserError(
            f"{replicas} replicas cannot share a batch of {batch_size} images; "
            f"choose a multiple of {replicas}."
        )


def _check_tf_config():
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}"))
    except json.JSONDecodeError as error:
        raise UserError(f"TF_CONFIG is not valid JSON ({error}).") from error
    if not isinstance(cluster, dict) or not {"cluster", "task"} <= set(cluster):
        raise UserError("strategy multiworker needs TF_CONFIG with a 'cluster' and a 'task'.")
