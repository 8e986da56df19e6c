"""What the process runs on."""

import contextlib
import os
import pathlib
import platform

import tensorflow as tf

from tfgen.names import counted


def cores():
    """Return how many cores the process may use, which can be fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def describe():
    """Return the processor, its cores that the process may use, and the GPUs, in words."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    gpus = [
        tf.config.experimental.get_device_details(device).get("device_name", "GPU")
        for device in tf.config.list_physical_devices("GPU")
    ]
    return f"{cpu}, {counted(cores(), 'core')}" + "".join(f", {gpu}" for gpu in gpus)
