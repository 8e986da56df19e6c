"""Two worker processes train as one device does, and neither is left waiting for the other."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_run import VAE_RECIPE

from tfgen import manifest, training, zoo
from tfgen.data import ImageData
from tfgen.errors import UserError
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models import VAE
from tfgen.recipes.base import Recipe
from tfgen.training import loop, run_folder

sys.path.append(str(pathlib.Path(__file__).parents[1]))

from workers import start_workers


@dataclasses.dataclass(frozen=True)
class PlainDescent(Recipe):
    """Adam would turn rounding in tiny gradients into whole steps."""

    def optimizer(self, updates_per_step=1):
        return keras.optimizers.SGD(1e-3, global_clipnorm=1.0)


RECIPE = PlainDescent(
    **{**vars(VAE_RECIPE), "steps": 22, "validate_every": 11, "importance_samples": 2}
)


OPTIONS = {"strategy": "multiworker", "checkpoint_seconds": 0}
WORKER = """
import pathlib, sys
sys.path[:0] = {path}
import test_workers
test_workers.{function}(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


def deeper(image_shape, num_classes):
    return VAE(image_shape, 2, (8, 8), likelihood=DiscretizedLogisticMixture(17, 1))


class StopAtStep11(loop.WatchLosses):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.steps_taken == 11:
            os.kill(os.getpid(), signal.SIGTERM)


class DieAtStep22(loop.WatchLosses):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.steps_taken == 22:
            os._exit(1)


def worker(index, folder):
    """What each of the two processes does."""
    with pytest.raises(UserError, match="the workers train different recipes"):
        training.train(dataclasses.replace(RECIPE, seed=index), folder / "different", **OPTIONS)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match="on different ima"):
        if index == 1:
            images = ImageData.images
            patch.setattr(ImageData, "images", lambda *which: 255 - images(*which))
        training.train(RECIPE, folder / "different", **OPTIONS)
    with pytest.raises(UserError, match="the workers train different recipes"):
        other = dataclasses.replace(RECIPE, model=deeper) if index else RECIPE
        training.train(other, folder / "different", **OPTIONS)
    with pytest.raises(UserError, match="go on from different entries"):
        training.train(
            RECIPE,
            folder / "different",
            initial_weights=lambda model: {"finetuned_from_sha256": str(index)},
            **OPTIONS,
        )
    held = contextlib.nullcontext() if index else run_folder.held(folder / "taken")
    sentence = "the chief of the workers cannot train in" if index else "another process trains in"
    with held, pytest.raises(UserError, match=sentence):
        training.train(RECIPE, folder / "taken", **OPTIONS)
    training.train(RECIPE, folder / "whole", **OPTIONS)
    watch = loop.WatchLosses
    if index == 1:
        loop.WatchLosses = StopAtStep11
    with pytest.raises(UserError, match="interrupted at step 11 of 22"):
        training.train(RECIPE, folder / "stopped", **OPTIONS)
    assert (folder / "stopped" / ".training" / "step-11").is_dir()
    loop.WatchLosses = watch
    training.train(RECIPE, folder / "stopped", **OPTIONS)
    if index == 1:
        loop.WatchLosses = DieAtStep22
    training.train(RECIPE, folder / "lost", **OPTIONS)


def without_chief(index, folder):
    """What each of two processes does of which the first dies."""
    if index == 0:
        loop.WatchLosses = DieAtStep22
    training.train(RECIPE, folder, **OPTIONS)


def start(function, folder):
    """Start two processes that run a function of this file; their errors are text to read."""
    here = pathlib.Path(__file__).parent
    path = [str(here), str(here.parents[1])]
    script = WORKER.format(path=path, function=function.__name__)
    return start_workers(
        [[sys.executable, "-c", script, str(index), str(folder)] for index in range(2)],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.exhaustive
def test_a_lost_chief_ends_the_run_which_goes_on(tmp_path):
    told = [process.communicate(timeout=600)[1] for process in start(without_chief, tmp_path)]
    assert "UserError: another worker was lost, so this one stops; start all of them" in told[1]
    training.train(RECIPE, tmp_path)
    assert len(zoo.find(tmp_path).info["training"]["history"]) == 2


def test_two_workers_equal_one_device_and_a_lost_one_ends_the_run(tmp_path, monkeypatch):
    processes = start(worker, tmp_path)
    one = zoo.load(training.train(RECIPE, tmp_path / "one"))
    told = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]

    assert not (tmp_path / "different").exists()
    two = zoo.find(tmp_path / "whole")
    manifest.verify(two)
    assert two.info["training"]["replicas"] == 2
    assert len(list((tmp_path / "whole" / "logs").iterdir())) == 1
    for out in ("whole", "stopped"):
        for a, b in zip(zoo.load(tmp_path / out).get_weights(), one.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)

    assert "UserError: another worker was lost, so this one stops; start all of them" in told[0]
    resumed = zoo.load(training.train(RECIPE, tmp_path / "lost"))
    assert len(zoo.find(tmp_path / "lost").info["training"]["history"]) == 2
    for a, b in zip(resumed.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


SAMPLE = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (None, "needs TF_CONFIG, such as"),
        ("{oops", "TF_CONFIG is not valid JSON"),
        ("[]", "needs TF_CONFIG, such as"),
        ({**SAMPLE, "cluster": {"worker": []}}, "must list addresses 'host:port'"),
        (
            {**SAMPLE, "task": {"type": ["worker"], "index": 0}},
            "the task in TF_CONFIG is ['worker'] 0, but the cluster has worker 0..1",
        ),
        ({"cluster": {"worker": ["a:1"]}}, "needs TF_CONFIG, such as"),
        ({**SAMPLE, "cluster": {"worker": "a:1"}}, "must list addresses 'host:port'"),
        ({**SAMPLE, "cluster": {"worker": ["a", "b"]}}, "must list addresses 'host:port'"),
        ({**SAMPLE, "cluster": {"ps": ["a:1"]}}, "must be of jobs 'worker' and 'chief'"),
        ({**SAMPLE, "cluster": {"chief": ["a:1", "b:2"], "worker": ["c:3"]}}, "several chiefs"),
        (
            {**SAMPLE, "task": {"type": "worker", "index": 2}},
            "the task in TF_CONFIG is worker 2, but the cluster has worker 0..1",
        ),
        (
            {**SAMPLE, "task": {"type": "chief", "index": 0}},
            "the task in TF_CONFIG is chief 0, but the cluster has worker 0..1",
        ),
    ],
)
def test_a_wrong_tf_config_is_told(config, sentence, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=re.escape(sentence)):
        training.choose_strategy("multiworker")


def test_a_cluster_is_joined_before_tensorflow_works(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(SAMPLE))
    tf.constant(0)
    with pytest.raises(UserError, match="before TensorFlow does anything else"):
        training.choose_strategy("multiworker")
