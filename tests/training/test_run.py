"""A run leaves a finished entry; a resumed one is bit for bit the uninterrupted one."""

import dataclasses
import errno
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import data, manifest, recipes, training, zoo
from tfgen.errors import UserError
from tfgen.games import Relativistic
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.metrics import sample_quality
from tfgen.models import R3GAN, VAE
from tfgen.models.running_mean import RunningMean
from tfgen.objectives import ELBO
from tfgen.priors import RealNVP
from tfgen.recipes.base import Recipe
from tfgen.training import loop, run_folder
from tfgen.training import run as run_module
from tfgen.training.progress import Diverged


def small_vae(image_shape, num_classes):
    likelihood = DiscretizedLogisticMixture(17, 1)
    return VAE(image_shape, 2, (8,), likelihood=likelihood, num_classes=num_classes)


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


def test_schedule_warms_up_and_falls_to_its_end():
    rate = dataclasses.replace(VAE_RECIPE, final_learning_rate=1e-5).optimizer()._learning_rate
    assert float(rate(0)) == 0
    np.testing.assert_allclose(rate(3), 1e-3, rtol=1e-5)
    np.testing.assert_allclose(rate(20), 1e-5, rtol=1e-4)
    assert float(rate(8)) > float(rate(12)) > float(rate(19))


def test_a_short_training_warms_up_for_a_tenth_of_it():
    recipe = recipes.get("pixelcnn_mnist")
    short = recipe.with_steps(100)
    assert recipe.warmup_steps == 500 and short.warmup_steps == 10
    rate = short.optimizer()._learning_rate
    np.testing.assert_allclose(rate(10), recipe.learning_rate, rtol=1e-5)
    assert recipe.with_steps(2 * recipe.steps).warmup_steps == 500
    assert recipe.smoke().warmup_steps == 0


def test_another_learning_rate_falls_to_the_same_part_of_it():
    recipe = recipes.get("r3gan_mnist")
    other = recipe.with_learning_rate(recipe.learning_rate / 10)
    assert other.final_learning_rate == pytest.approx(recipe.final_learning_rate / 10)
    assert (
        dataclasses.replace(
            other,
            learning_rate=recipe.learning_rate,
            final_learning_rate=recipe.final_learning_rate,
        ).settings()
        == recipe.settings()
    )


def test_unknown_recipe_is_told_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'vae_digits'"):
        recipes.get("vae_digit")


def test_killed_at_random_equals_undisturbed():
    """Weights, slots, averages, best weights and history, bit for bit."""
    script = pathlib.Path(__file__).parents[1] / "kills.py"
    command = [sys.executable, script, "--models=^VAE", "--kills=2"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 kills; every run ended bit for bit as the undisturbed one" in run.stdout, run.stderr


def test_ctrl_c_keeps_the_work_and_says_how_to_go_on(tmp_path, monkeypatch, unmeasured):
    class Press(loop.WatchLosses):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == 8:
                os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "WatchLosses", Press)
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
            training.train(VAE_RECIPE.with_steps(6), tmp_path / "run", checkpoint_seconds=0)
    path = training.train(VAE_RECIPE.with_steps(6), tmp_path / "run")
    info = zoo.find(path).info["training"]
    # The last validation is at the end, whatever the steps between them.
    assert [row["step"] for row in info["history"]] == [4, 6]
    assert info["seconds"] > 0 and info["images_per_second"] < 1e5


def test_a_finished_entry_holds_what_it_states_and_is_not_overwritten(tmp_path, unmeasured):
    path = training.train(VAE_RECIPE, tmp_path / "run")
    info = json.loads((path / "entry.json").read_text())
    assert info["training"]["steps"] == 20 and info["training"]["images"] == 320
    assert info["recipe"]["learning_rate"] == VAE_RECIPE.learning_rate
    assert not (path / ".training").exists() and list((path / "logs").iterdir())
    card = (path / "README.md").read_text()
    assert f'tfgen.load("{path}")' in card
    pictured = info["training"]["pictured_steps"]
    assert pictured == [row["step"] for row in info["training"]["history"]]
    assert f"\nSamples over the training, after {', '.join(map(str, pictured))} steps:\n" in card
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


def test_a_training_that_explodes_ends_and_keeps_the_last_checkpoint(tmp_path):
    wild = dataclasses.replace(VAE_RECIPE, learning_rate=1e30, warmup_steps=0, clip_norm=None)
    sentence = r" at step \d \(batch \d of epoch 1, seed 0\); training stopped, and the last good"
    with pytest.raises(UserError, match=sentence):
        training.train(wild, tmp_path / "run", checkpoint_seconds=0)
    assert not (tmp_path / "run" / "entry.json").exists()
    assert (tmp_path / "run" / ".training" / "step-0").is_dir()


class Doubling(VAE):
    """Its loss doubles with every step."""

    def train_step(self, data):
        logs = super().train_step(data)
        step = tf.cast(self.optimizer.iterations, tf.float32)
        return {**logs, "loss": logs["loss"] * 2.0**step}


def test_what_explodes_in_many_steps_is_found_and_none_of_it_kept(tmp_path, monkeypatch):
    def doubling(image_shape, num_classes):
        return Doubling(image_shape, 2, (8,), likelihood=DiscretizedLogisticMixture(17, 1))

    monkeypatch.setattr(loop, "MAX_STEPS_PER_EXECUTION", 1)
    recipe = dataclasses.replace(VAE_RECIPE, model=doubling, validate_every=20)
    with pytest.raises(UserError, match=r"loss exploded to .* at step 1[12] "):
        training.train(recipe, tmp_path / "run", checkpoint_seconds=0)
    kept = {path.name for path in (tmp_path / "run" / ".training").glob("step-*")}
    assert kept in ({"step-4", "step-5", "step-6"}, {"step-3", "step-4", "step-5"})


class Fragile(VAE):
    """Its loss is not a number in the seventh step, whatever seed of SEEDS the noise has."""

    SEEDS = ()

    def train_step(self, data):
        logs = super().train_step(data)
        bad = self._noise_seed in self.SEEDS and self.optimizer.iterations == 7
        return {**logs, "loss": tf.where(bad, np.nan, logs["loss"])}


def test_rollback_goes_another_way_a_few_times(tmp_path, monkeypatch):
    def fragile(image_shape, num_classes):
        return Fragile(image_shape, 2, (8,), likelihood=DiscretizedLogisticMixture(17, 1))

    recipe = dataclasses.replace(VAE_RECIPE, model=fragile, validate_every=10)
    seen = []
    monkeypatch.setattr(loop, "MAX_STEPS_PER_EXECUTION", 5)
    monkeypatch.setattr(run_module, "_leave_entry", lambda run, out: seen.append(run.record()))
    monkeypatch.setattr(Fragile, "SEEDS", range(9))
    sentence = r"loss is not finite \(nan\) at step 7 \(batch 7 .*, seed 3\); .* after 3 rollbacks"
    with pytest.raises(UserError, match=sentence):
        training.train(recipe, tmp_path / "run", on_nan="rollback")
    monkeypatch.setattr(Fragile, "SEEDS", range(2))
    training.train(recipe, tmp_path / "run", on_nan="rollback")
    assert seen[0]["rollbacks"] == 2 and [row["step"] for row in seen[0]["history"]] == [10, 20]


def test_a_validation_that_is_not_finite_ends_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(VAE, "evaluate", lambda *args, **options: {"loss": np.nan})
    with pytest.raises(UserError, match=r"val_loss is not finite \(nan\) at step 4; training stop"):
        training.train(VAE_RECIPE, tmp_path / "run")
    assert (tmp_path / "run" / ".training" / "step-0").is_dir()


def test_a_folder_is_of_one_training_and_of_what_it_began_with(tmp_path, monkeypatch):
    with (
        run_folder.held(tmp_path / "run"),
        pytest.raises(UserError, match="another process trains in .*run; wait for it, or choose"),
    ):
        training.train(VAE_RECIPE, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "_leave_entry", lambda *_: pytest.fail("stopped here"))
        with pytest.raises(pytest.fail.Exception):
            training.train(VAE_RECIPE, tmp_path / "run")
    state = tmp_path / "run" / ".training"
    shutil.copytree(state / "step-20", state / "step-20 copy")  # by the user
    images, warnings = data.ImageData.images, []
    monkeypatch.setattr(data.ImageData, "images", lambda *which: 0 * images(*which))
    monkeypatch.setattr(loop.logging, "warning", lambda text, *rest: warnings.append(text % rest))
    with pytest.raises(UserError, match="began with other images; give it what it began with"):
        training.train(VAE_RECIPE, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "fit", lambda run, *_: pytest.fail(f"stopped at {run.step}"))
        with pytest.raises(pytest.fail.Exception, match="stopped at 0"):
            training.train(VAE_RECIPE, tmp_path / "run", overwrite=True)
        assert {path.name for path in state.glob("step-*")} == {"step-0", "step-20 copy"}
        assert len(warnings) == 1
        assert warnings[0].startswith("starting anew, as --overwrite is given: the training in ")
        (state / "step-0" / "state.index").write_text("torn")
        with pytest.raises(UserError, match="none of the checkpoints in .* or pass --overwrite"):
            training.train(VAE_RECIPE, tmp_path / "run")
        with pytest.raises(pytest.fail.Exception, match="stopped at 0"):
            training.train(VAE_RECIPE, tmp_path / "run", overwrite=True)
    shutil.rmtree(state)  # what is left are logs, which are in nobody's way
    run_folder.check_free(tmp_path / "run", VAE_RECIPE, overwrite=False)


def killed_before_its_entry(recipe, out, monkeypatch, **options):
    """Train up to the last checkpoint."""
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "_leave_entry", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            training.train(recipe, out, **options)


def goes_on_from(recipe, out, monkeypatch, **options):
    """Return the step at which a training begins."""
    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "fit", lambda run, *_: pytest.fail(f"at {run.step}"))
        with pytest.raises(pytest.fail.Exception) as stopped:
            training.train(recipe, out, **options)
    return int(str(stopped.value).removeprefix("at "))


def test_a_training_goes_on_with_the_model_it_began_with(tmp_path, monkeypatch):
    def recipe(gamma):
        def model(image_shape, num_classes):
            return R3GAN(image_shape, 4, widths=(4,), num_blocks=1, game=Relativistic(gamma))

        return dataclasses.replace(VAE_RECIPE, model=model, steps=2, select=None)

    killed_before_its_entry(recipe(0.1), tmp_path, monkeypatch)
    with pytest.raises(UserError, match="began with another model; give it what it began with"):
        training.train(recipe(99.0), tmp_path)
    assert goes_on_from(recipe(0.1), tmp_path, monkeypatch) == 2
    assert goes_on_from(recipe(99.0), tmp_path, monkeypatch, overwrite=True) == 0


@pytest.mark.exhaustive
def test_checkpoints_that_tell_less_of_what_a_training_began_with_go_on(tmp_path, monkeypatch):
    recipe, save = VAE_RECIPE.with_steps(4), loop.Checkpoints.save

    def early(self, step, notes):
        began = {key: notes["began_with"][key] for key in ("images", "weights")}
        save(self, step, {**notes, "began_with": began})

    with monkeypatch.context() as patch:
        patch.setattr(loop.Checkpoints, "save", early)
        killed_before_its_entry(recipe, tmp_path, monkeypatch)
    assert goes_on_from(recipe, tmp_path, monkeypatch) == 4


@pytest.mark.exhaustive
def test_a_warm_up_that_the_entry_ended_is_no_other_model(tmp_path, monkeypatch, unmeasured):
    def model(image_shape, num_classes):
        likelihood = DiscretizedLogisticMixture(17, 1)
        return VAE(image_shape, 2, (8,), likelihood=likelihood, objective=ELBO(1.0, 3))

    recipe = dataclasses.replace(VAE_RECIPE, model=model).with_steps(4)
    leave = run_module._leave_entry
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "_leave_entry", lambda *a: (leave(*a), pytest.fail("killed")))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            training.train(recipe, tmp_path)
    assert (tmp_path / "entry.json").exists()
    assert goes_on_from(recipe, tmp_path, monkeypatch) == 4


def test_a_models_digest_is_of_its_settings_and_not_of_the_names_that_keras_gives():
    def digest(activation):
        encoder = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(5, activation),
                keras.layers.Dense(4),
            ]
        )
        return loop.digest(VAE((8, 8, 1), 2, (8,), encoder=encoder, prior=RealNVP(2, 2, 4)))

    assert digest("relu") == digest("relu") != digest("gelu")


@pytest.mark.exhaustive
def test_an_overwriting_training_goes_on_without_the_flag(tmp_path, monkeypatch, unmeasured):
    recipe = VAE_RECIPE.with_steps(4)
    training.train(recipe, tmp_path)
    killed_before_its_entry(recipe, tmp_path, monkeypatch, overwrite=True)
    assert (tmp_path / "entry.json").exists()
    assert goes_on_from(recipe, tmp_path, monkeypatch) == 4
    with monkeypatch.context() as patch:
        images = data.ImageData.images
        patch.setattr(data.ImageData, "images", lambda *which: 0 * images(*which))
        with pytest.raises(UserError, match="began with other images"):
            training.train(recipe, tmp_path)
    training.train(recipe, tmp_path)
    with pytest.raises(UserError, match="already holds a finished entry"):
        training.train(recipe, tmp_path)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("entry.json", "already holds a finished entry"),
        (".training/settings.json", "unfinished training with other settings"),
    ],
)
def test_what_came_into_the_folder_meanwhile_is_left_alone(file, sentence, tmp_path, monkeypatch):
    load, came = data.load, tmp_path / "run" / file

    def slow(*args, **options):
        came.parent.mkdir(parents=True)
        came.write_text(json.dumps({"tfgen": tfgen.__version__}))
        return load(*args, **options)

    monkeypatch.setattr(data, "load", slow)
    monkeypatch.setattr(loop.Run, "fit", lambda *_: pytest.fail("it trains"))
    with pytest.raises(UserError, match=sentence):
        training.train(VAE_RECIPE, tmp_path / "run")
    assert [path for path in came.parent.iterdir() if path.name != "lock"] == [came]


def test_a_step_that_fails_its_validation_is_none_to_go_back_to(tmp_path, monkeypatch):
    seen, evaluate, bad = [], VAE.evaluate, iter([True])
    monkeypatch.setattr(run_module, "_leave_entry", lambda run, out: seen.append(run.record()))
    monkeypatch.setattr(
        VAE,
        "evaluate",
        lambda *args, **options: {"loss": np.nan} if next(bad, 0) else evaluate(*args, **options),
    )
    training.train(VAE_RECIPE, tmp_path / "run", checkpoint_seconds=0, on_nan="rollback")
    assert seen[0]["rollbacks"] == 1
    assert [row["step"] for row in seen[0]["history"]] == [4, 8, 12, 16, 20]


def test_nothing_follows_a_weight_that_is_not_finite():
    model = small_vae((8, 8, 1), 0)
    model.compile("adam")
    model.build_optimizers()
    model.running_mean = RunningMean()
    model.running_mean.latest = {"loss": tf.constant([1.0])}
    usual = {}
    watch = loop.WatchLosses([w.value for w in model.weights], "batch {}".format, usual)
    watch.set_model(model)
    watch.on_train_batch_end(0)
    assert usual == {"loss": 1.0}
    weight = model.trainable_weights[0]
    weight.assign(np.full(weight.shape, np.inf))
    with pytest.raises(Diverged, match=r"a weight is not finite after step 0 \(batch 0\)"):
        watch.on_train_batch_end(0)
    model.running_mean.latest = {"loss": tf.constant([2.0, 3000.0, np.nan])}
    with pytest.raises(Diverged, match=r"loss exploded to 3e\+03 at step -1"):
        watch.on_train_batch_end(0)


def test_a_conditional_model_needs_images_of_all_classes(tmp_path):
    few = dataclasses.replace(recipes.get("gan_digits_conditional"), limit=5)
    with pytest.raises(UserError, match="of '0' there are none in the training split of 'digits'"):
        training.train(few, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_batch_must_be_shared_evenly(tmp_path):
    uneven = dataclasses.replace(VAE_RECIPE, batch_size=15)
    with pytest.raises(UserError, match="2 replicas cannot share a batch of 15"):
        training.train(uneven, tmp_path / "run", strategy="mirrored")


@pytest.mark.exhaustive
def test_two_replicas_train_to_the_same_entry(tmp_path, unmeasured):
    one = training.train(VAE_RECIPE, tmp_path / "one")
    mirrored = training.choose_strategy("mirrored")
    two = training.train(VAE_RECIPE, tmp_path / "two", strategy=mirrored)
    trainings = [zoo.find(path).info["training"] for path in (one, two)]
    assert trainings[1]["replicas"] == 2
    losses = [[row["val_loss"] for row in training["history"]] for training in trainings]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for a, b in zip(zoo.load(one).get_weights(), zoo.load(two).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda out: out.write_text("x"), "is a file"),
        (lambda out: (out.mkdir(), (out / "mine.txt").write_text("x")), "neither a train"),
    ],
)
def test_an_output_that_is_in_the_way_is_left_alone(prepare, sentence, tmp_path):
    prepare(tmp_path / "run")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=sentence):
            training.train(VAE_RECIPE, tmp_path / "run", overwrite=overwrite)


def test_an_unfinished_training_of_other_settings_is_left_alone(tmp_path):
    state = tmp_path / ".training"
    state.mkdir()
    kept = json.loads(run_folder.settings(VAE_RECIPE))
    (state / "settings.json").write_text(json.dumps({**kept, "steps": 40}))
    with pytest.raises(UserError, match=r"unfinished training with other settings \(steps 40\);"):
        training.train(VAE_RECIPE, tmp_path)
    (state / "settings.json").write_text(json.dumps({**kept, "tfgen": "0.0.1"}))
    with pytest.raises(UserError, match="unfinished training of tfgen 0.0.1, but this is"):
        training.train(VAE_RECIPE, tmp_path)


def test_what_was_killed_while_it_tidied_up_is_finished(tmp_path, monkeypatch, unmeasured):
    recipe = VAE_RECIPE.with_steps(1)

    def killed(path, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "shutil", types.SimpleNamespace(rmtree=killed))
        with pytest.raises(UserError, match="interrupted"):
            training.train(recipe, tmp_path)
    assert list((tmp_path / ".training").glob("step-*"))
    with pytest.raises(UserError, match="already holds a finished entry"):
        training.train(recipe, tmp_path)
    training.train(recipe, tmp_path, overwrite=True)
    assert not (tmp_path / ".training").exists()


def test_a_file_system_without_locks_keeps_none_that_outlive_their_process(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with run_folder.held(tmp_path), run_folder.held(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_settings_that_a_full_disk_cut_short_lock_nobody_out(tmp_path):
    run_folder.prepare(tmp_path, VAE_RECIPE)
    kept = tmp_path / ".training" / "settings.json"
    whole = kept.read_text()
    kept.write_text(whole[:40])
    run_folder.check_free(tmp_path, VAE_RECIPE, overwrite=False)
    run_folder.prepare(tmp_path, VAE_RECIPE)
    assert kept.read_text() == whole and [p.name for p in kept.parent.iterdir()] == [kept.name]


def test_checkpoints_outlive_damaged_settings(tmp_path):
    state = run_folder.prepare(tmp_path, VAE_RECIPE)
    (state / "step-8").mkdir()
    (state / "settings.json").write_text("{")
    with pytest.raises(UserError, match="settings.json cannot be read, .* pass --overwrite"):
        training.train(VAE_RECIPE, tmp_path)
    assert (state / "step-8").is_dir()
    run_folder.check_free(tmp_path, VAE_RECIPE, overwrite=True)
    run_folder.prepare(tmp_path, VAE_RECIPE)
    assert [path.name for path in state.iterdir()] == ["settings.json"]


def test_strategies_that_cannot_be_are_refused():
    with pytest.raises(UserError, match="must be a tf.distribute.Strategy or one of auto"):
        training.choose_strategy("all")


VARIANTS = {"conditional", "diagonal", "row"}


def kind(name):
    """Return the name of a recipe's model: the recipe's without its data set and its variant."""
    words = name.replace(recipes.get(name).dataset, "").split("_")
    return "_".join(word for word in words if word and word not in VARIANTS)


# Of each kind one recipe, on the digits if there is one, or else on MNIST.
TRAINED = {}
for recipe_name in sorted(recipes.names(), key=lambda n: ("_digits" not in n, "_mnist" not in n)):
    TRAINED.setdefault(kind(recipe_name), recipe_name)
# What their entries hold differs by family, and on data that is no image.
USUAL = ("autoencoder", "vae", "gan", "relativistic_gan", "pixelcnn")
SHAPES = {
    "digits": (8, 8, 1),
    "mnist": (28, 28, 1),
    "stacked_mnist": (28, 28, 3),
    "cifar10_jpeg": (32, 32, 3),
    "ring_of_gaussians": (1, 2, 1),
    "grid_of_gaussians": (1, 2, 1),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if kind in USUAL else pytest.mark.exhaustive)
        for kind, name in TRAINED.items()
    ],
)
def test_a_recipe_of_each_kind_trains_to_an_entry_when_shrunk(name, tmp_path, request, monkeypatch):
    monkeypatch.setattr(sample_quality, "SAMPLES_FOR_PIXELS", 200)
    recipe = recipes.get(name)
    free = recipe.dataset == "digits" or recipe.dataset in data.GAUSSIANS
    data_dir = None if free else request.getfixturevalue("shared_data_dir")
    path = training.train(recipe.smoke(), tmp_path / name, data_dir=data_dir)
    entry = zoo.find(path)
    manifest.verify(entry)
    assert entry.info["metrics"] and (path / "training.png").exists()


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_makes_its_model(name):
    recipe = recipes.get(name)
    assert recipe.name == name and recipe.steps % recipe.validate_every == 0
    model = recipe.model(SHAPES[recipe.dataset], 10 * recipe.conditional)
    optimizers = recipe.optimizers(model)
    assert all(model.optimizer_variables(name) for name in optimizers)
