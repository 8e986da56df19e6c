"""Which devices a training runs on."""

import functools
import json
import os
import re
import signal
import threading

import tensorflow as tf
from absl import logging

from tfgen.errors import UserError
from tfgen.export.atomic import reason_of

EXAMPLE = (
    'TF_CONFIG, such as {"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
STRATEGIES = ("auto", "one", "mirrored", "multiworker")


@functools.cache  # Two strategies over the same devices in one process confuse their collectives.
def choose_strategy(name="auto"):
    """Return the `tf.distribute.Strategy` called `name`; a strategy itself is passed through.

    `multiworker` is one of several processes, which TF_CONFIG describes, each with all its GPUs or
    its CPU; `mirrored` takes all GPUs, or all logical CPU devices where there is no GPU; `auto` is
    the first where TF_CONFIG is set, else the second if there are several GPUs, else one device.
    """
    if isinstance(name, tf.distribute.Strategy):
        return name
    if name not in STRATEGIES:
        raise UserError(
            f"strategy must be a tf.distribute.Strategy or one of {', '.join(STRATEGIES)}, "
            f"but is '{name}'."
        )
    if name == "multiworker" or (name == "auto" and os.environ.get("TF_CONFIG")):
        return _multiworker()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "one" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy(
        [device.name for device in devices],
        # The default is a ring of collectives, which on the devices of one CPU takes twice as long.
        cross_device_ops=None if gpus else tf.distribute.ReductionToOneDevice(),
    )


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


def _multiworker():
    addresses, place = _tf_config()
    logging.info("worker %d of %d, waiting for all of them", place + 1, len(addresses))
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:  # TensorFlow was at work already
        raise UserError(
            "strategy multiworker must be chosen before TensorFlow does anything else."
        ) from error
    except tf.errors.OpError as error:
        raise UserError(
            f"the workers {', '.join(addresses)} did not come together: {reason_of(error)}."
        ) from error
    if threading.current_thread() is threading.main_thread():
        # TensorFlow has taken SIGTERM over, to no effect; it ends this process as before.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM) or signal.SIG_DFL)
    return strategy


def _tf_config():
    """Return the addresses of all workers in TF_CONFIG, and which of them this process is."""
    try:
        config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    except json.JSONDecodeError as error:
        raise UserError(f"TF_CONFIG is not valid JSON ({error}).") from error
    cluster = config.get("cluster") if isinstance(config, dict) else None
    task = config.get("task") if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise UserError(f"strategy multiworker needs {EXAMPLE}.")
    if not cluster or not set(cluster) <= {"chief", "worker"}:
        raise UserError(
            "the cluster in TF_CONFIG must be of jobs 'worker' and 'chief', "
            f"but is of {', '.join(cluster) or 'none'}."
        )
    for job, addresses in cluster.items():
        if (
            not isinstance(addresses, list)
            or not addresses
            or not all(isinstance(a, str) and re.fullmatch(r".+:\d+", a) for a in addresses)
        ):
            raise UserError(f"job '{job}' in TF_CONFIG must list addresses 'host:port'.")
    if len(cluster.get("chief", [])) > 1:
        raise UserError("TF_CONFIG names several chiefs; there is one at most.")
    job, index = task.get("type"), task.get("index")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)  # as TensorFlow reads it too
    if str(job) not in cluster or not isinstance(index, int) or not 0 <= index < len(cluster[job]):
        sizes = ", ".join(f"{job} 0..{len(cluster[job]) - 1}" for job in cluster)
        raise UserError(f"the task in TF_CONFIG is {job} {index}, but the cluster has {sizes}.")
    before = len(cluster.get("chief", [])) if job == "worker" else 0
    return [*cluster.get("chief", []), *cluster.get("worker", [])], before + index
