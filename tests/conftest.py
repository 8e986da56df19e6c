"""Shared set-up: quiet TensorFlow, two logical CPU devices, the shared data where it is."""

import ctypes
import gc
import glob
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests compile many small functions and run each a few times, which XLA makes slower. A law
# holds what models compute under it to what they compute so.
os.environ.setdefault("TFGEN_XLA", "0")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest
import tensorflow as tf

# Before anything runs: afterwards TensorFlow refuses, and two replicas could not be tested.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# Graphs run as they were built: to optimise one takes longer than the test that runs it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(autouse=True)
def what_lasts_is_not_searched_for_garbage():
    """Compiled functions stay for the session, and a full collection among them takes a minute."""
    yield
    if len(gc.get_objects(generation=2)) > 200_000:
        gc.collect()
        gc.freeze()


@pytest.fixture
def xla_refused():
    """Exported graphs do without XLA, as on a server that was not started with it.

    To compile a scan takes ten times as long as to run a small one without.
    """
    (library,) = glob.glob(os.path.join(os.path.dirname(tf.__file__), "libtensorflow_cc.*"))
    library = ctypes.CDLL(library)
    library._ZN10tensorflow21DisableXlaCompilationEv()
    yield
    library._ZN10tensorflow20EnableXlaCompilationEv()


@pytest.fixture(scope="session")
def two_replicas():
    """A strategy of two replicas on one CPU, or a skip."""
    if len(tf.config.list_logical_devices("CPU")) < 2:
        pytest.skip("needs two logical CPU devices")
    from tfgen import training

    return training.choose_strategy("mirrored")


@pytest.fixture(scope="session")
def shared_data_dir():
    """A TFDS data directory with the real MNIST, or a skip."""
    beside = pathlib.Path(__file__).parents[2] / "shared" / "tensorflow_datasets"
    directory = pathlib.Path(os.environ.get("TFDS_DATA_DIR", beside))
    if not (directory / "mnist").is_dir():
        pytest.skip("needs a TFDS data directory with MNIST; set TFDS_DATA_DIR")
    return str(directory)
