"""A run leaves a finished entry; a resumed one is bit for bit the uninterrupted one."""

import dataclasses
import json
import os
import signal

import keras
import numpy as np
import pytest

from tfgen import recipes, training, zoo
from tfgen.augmentation import AdaptiveAugmentation
from tfgen.errors import UserError
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models import GAN, VAE
from tfgen.recipes.base import Recipe
from tfgen.training import run as run_module
from tfgen.training import run_folder
from tfgen.training.checkpoints import Checkpoints


def small_vae(image_shape, num_classes):
    likelihood = DiscretizedLogisticMixture(17, 1)
    return VAE(image_shape, 2, (8,), likelihood=likelihood, num_classes=num_classes)


def small_gan(image_shape, num_classes):
    augmentation = AdaptiveAugmentation(0.0, images=200, policy="translation")
    options = {"game": "hinge", "n_critic": 2, "spectral_norm": True, "augmentation": augmentation}
    return GAN(image_shape, 4, (8,), (8,), num_classes=num_classes, **options)


VAE_RECIPE = Recipe(
    name="small",
    summary="a small VAE",
    dataset="digits",
    levels=17,
    model=small_vae,
    steps=20,
    batch_size=16,
    validate_every=4,
    average_half_life=100,
    clip_norm=1.0,
    warmup_steps=3,
)
GAN_RECIPE = dataclasses.replace(
    VAE_RECIPE, summary="a small GAN", model=small_gan, select=None, average_half_life=0
)


def test_schedule_warms_up_and_falls_to_its_end():
    rate = dataclasses.replace(VAE_RECIPE, final_learning_rate=1e-5).optimizer()._learning_rate
    assert float(rate(0)) == 0
    np.testing.assert_allclose(rate(3), 1e-3, rtol=1e-5)
    np.testing.assert_allclose(rate(20), 1e-5, rtol=1e-4)
    assert float(rate(8)) > float(rate(12)) > float(rate(19))


def test_unknown_recipe_is_told_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'vae_digits'"):
        recipes.get("vae_digit")


def run_state(run):
    """Everything a run holds: weights, slots, averages, best weights, history."""
    optimizers = [getattr(run.model, name) for name in run.model.optimizer_names]
    variables = [*run.model.weights, *(v for opt in optimizers for v in opt.variables)]
    variables += [*(run.average.variables if run.average else []), *run.best]
    return [np.array(v.numpy()) for v in variables], run.history


@pytest.mark.parametrize("recipe", [VAE_RECIPE, GAN_RECIPE], ids=["VAE", "GAN"])
def test_resumed_equals_uninterrupted(recipe, tmp_path, monkeypatch):
    states = []

    def finished_model(run):
        states.append(run_state(run))
        raise UserError("stop before the evaluation")

    monkeypatch.setattr(run_module._Run, "finished_model", finished_model)
    with pytest.raises(UserError, match="stop before"):
        training.train(recipe, tmp_path / "whole")

    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == 12:
                raise Killed

    bar = run_module.ProgressBar
    monkeypatch.setattr(run_module, "StopOnNaN", Kill)
    with pytest.raises(Killed):
        training.train(recipe, tmp_path / "killed")
    monkeypatch.undo()
    monkeypatch.setattr(run_module._Run, "finished_model", finished_model)
    assert run_module.ProgressBar is bar
    with pytest.raises(UserError, match="stop before"):
        training.train(recipe, tmp_path / "killed")
    (whole, history), (resumed, resumed_history) = states
    assert history == resumed_history and len(history) == 5
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_ctrl_c_keeps_the_work_and_says_how_to_go_on(tmp_path, monkeypatch):
    class Press(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == 8:
                os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "StopOnNaN", Press)
        with pytest.raises(training.Interrupted, match="interrupted at step 8 of 20.*tfgen train"):
            training.train(VAE_RECIPE, tmp_path / "run")
    assert not (tmp_path / "run" / "entry.json").exists()
    path = training.train(VAE_RECIPE, tmp_path / "run")
    assert [row["step"] for row in zoo.find(path).info["training"]["history"]] == [4, 8, 12, 16, 20]


def test_ctrl_c_outside_the_fit_says_how_to_go_on_too(tmp_path, monkeypatch):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    sentence = "to go on from the last checkpoint, run: tfgen train small --out"
    with monkeypatch.context() as patch:
        patch.setattr(run_module.metrics, "evaluate", pressed)
        with pytest.raises(training.Interrupted, match=sentence):
            training.train(VAE_RECIPE.with_steps(4), tmp_path / "run")
    path = training.train(VAE_RECIPE.with_steps(4), tmp_path / "run")
    assert [row["step"] for row in zoo.find(path).info["training"]["history"]] == [4]


def test_a_finished_entry_holds_what_it_states_and_is_not_overwritten(tmp_path):
    path = training.train(VAE_RECIPE, tmp_path / "run")
    info = json.loads((path / "entry.json").read_text())
    assert info["training"]["steps"] == 20 and info["training"]["images"] == 320
    assert info["recipe"]["learning_rate"] == VAE_RECIPE.learning_rate
    assert not (path / ".training").exists() and list((path / "logs").iterdir())
    history = info["training"]["history"]
    best = min(row["val_loss"] for row in history)
    from tfgen import data

    digits = data.load("digits", levels=17)
    model = zoo.load(path)
    score = model.evaluate(digits.batches("validation", 16), verbose=0, return_dict=True)
    np.testing.assert_allclose(score["loss"], best, rtol=1e-3)
    with pytest.raises(UserError, match="already holds a finished entry"):
        training.train(VAE_RECIPE, path)
    training.train(VAE_RECIPE.with_steps(4), path, overwrite=True)
    assert zoo.find(path).info["training"]["steps"] == 4


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(tmp_path):
    wild = dataclasses.replace(VAE_RECIPE, learning_rate=1e30, warmup_steps=0, clip_norm=None)
    with pytest.raises(UserError, match="is not finite .* at step .* last good checkpoint is kept"):
        training.train(wild, tmp_path / "run")
    assert not (tmp_path / "run" / "entry.json").exists()


def test_a_corrupt_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    model = small_vae((8, 8, 1), 0)
    model.compile("adam")
    model.build_optimizers()
    checkpoints = Checkpoints(tmp_path, model)
    for step in (1, 2):
        model.trainable_weights[0].assign(np.full(model.trainable_weights[0].shape, step))
        checkpoints.save(step, {"step": step})
    newest = sorted(tmp_path.glob("step-2.data*"))[0]
    newest.write_bytes(newest.read_bytes()[:100])
    again = Checkpoints(tmp_path, model)
    assert again.restore() == {"step": 1}
    assert np.all(model.trainable_weights[0] == 1)


def test_a_checkpoint_that_cannot_be_written_says_what_is_kept(tmp_path, monkeypatch):
    model = small_vae((8, 8, 1), 0)
    model.compile("adam")
    model.build_optimizers()
    checkpoints = Checkpoints(tmp_path, model)

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tensorflow.train.CheckpointManager.save", full)
        with pytest.raises(UserError, match=r"\(No space left on device\); nothing is kept yet\."):
            checkpoints.save(1, {})
    checkpoints.save(1, {})
    monkeypatch.setattr("tensorflow.train.CheckpointManager.save", full)
    with pytest.raises(UserError, match="the one before is kept"):
        checkpoints.save(2, {})


def test_the_batch_must_be_shared_evenly(tmp_path):
    uneven = dataclasses.replace(VAE_RECIPE, batch_size=15)
    with pytest.raises(UserError, match="2 replicas cannot share a batch of 15"):
        training.train(uneven, tmp_path / "run", strategy="mirrored")


def test_two_replicas_train_to_the_same_entry(tmp_path):
    one = training.train(VAE_RECIPE, tmp_path / "one")
    mirrored = training.choose_strategy("mirrored")
    two = training.train(VAE_RECIPE, tmp_path / "two", strategy=mirrored)
    assert zoo.find(two).info["training"]["replicas"] == 2
    for a, b in zip(zoo.load(one).get_weights(), zoo.load(two).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda out: out.write_text("x"), "is a file"),
        (lambda out: (out.mkdir(), (out / "mine.txt").write_text("x")), "is not empty"),
    ],
)
def test_an_output_that_is_in_the_way_is_left_alone(prepare, sentence, tmp_path):
    prepare(tmp_path / "run")
    with pytest.raises(UserError, match=sentence):
        training.train(VAE_RECIPE, tmp_path / "run")


def test_an_unfinished_training_of_other_settings_is_left_alone(tmp_path):
    state = tmp_path / ".training"
    state.mkdir()
    (state / "settings.json").write_text("{}")
    with pytest.raises(UserError, match="unfinished training with other settings"):
        training.train(VAE_RECIPE, tmp_path)


def test_settings_that_a_full_disk_cut_short_lock_nobody_out(tmp_path):
    run_folder.prepare(tmp_path, VAE_RECIPE)
    kept = tmp_path / ".training" / "settings.json"
    whole = kept.read_text()
    kept.write_text(whole[:40])
    run_folder.check_free(tmp_path, VAE_RECIPE, overwrite=False)
    run_folder.prepare(tmp_path, VAE_RECIPE)
    assert kept.read_text() == whole and [p.name for p in kept.parent.iterdir()] == [kept.name]


def test_strategies_that_cannot_be_are_refused(monkeypatch):
    with pytest.raises(UserError, match="must be a tf.distribute.Strategy or one of auto"):
        training.choose_strategy("all")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="needs TF_CONFIG"):
        training.choose_strategy("multiworker")
    monkeypatch.setenv("TF_CONFIG", "{oops")
    with pytest.raises(UserError, match="TF_CONFIG is not valid JSON"):
        training.choose_strategy("multiworker")


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_trains_to_an_entry_when_shrunk(name, tmp_path, request):
    recipe = recipes.get(name)
    assert recipe.name == name and recipe.steps % recipe.validate_every == 0
    data_dir = None if recipe.dataset == "digits" else request.getfixturevalue("shared_data_dir")
    path = training.train(recipe.smoke(), tmp_path / name, data_dir=data_dir)
    entry = zoo.find(path)
    zoo.verify(entry)
    assert entry.info["metrics"] and (path / "samples.png").exists()
    if recipe.precision != "float32":
        assert zoo.load(path).dtype_policy.name == "float32"
