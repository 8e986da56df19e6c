"""The moving average of the weights, and what a training logs for TensorBoard."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgen import training
from tfgen.export import pictures
from tfgen.export.entry import sample_grid
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models import VAE
from tfgen.recipes.base import Recipe
from tfgen.training import loop, progress
from tfgen.training import run as run_module
from tfgen.training.average import WeightAverage
from tfgen.training.progress import TensorBoard

BATCH_SIZE, HALF_LIFE, STEPS_PER_EXECUTION = 16, 64, 2


def small_vae(image_shape=(8, 8, 1), num_classes=0):
    return VAE(image_shape, 2, (8,), likelihood=DiscretizedLogisticMixture(17, 1))


def averages_of(weights):
    """Return the averages after each of the executions, of the weights before and after them."""
    average, found = weights[0], []
    for count, now in enumerate(weights[1:], 1):
        steady = 0.5 ** (BATCH_SIZE * STEPS_PER_EXECUTION / HALF_LIFE)
        decay = min(steady, (1 + count) / (10 + count))
        average = [decay * a + (1 - decay) * w for a, w in zip(average, now, strict=True)]
        found.append(average)
    return found


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def compiled():
    keras.utils.set_random_seed(0)
    model = small_vae()
    model.compile("adam", steps_per_execution=STEPS_PER_EXECUTION)
    return model, WeightAverage(model, HALF_LIFE, BATCH_SIZE)


def test_the_average_follows_closely_at_first_and_then_with_its_half_life():
    model, average = compiled()
    weights, rng = [model.get_weights()], np.random.default_rng(0)
    for _ in range(30):
        weights.append([rng.normal(size=w.shape) for w in weights[0]])
        model.set_weights(weights[-1])
        average.on_train_batch_end(0)
    expected = averages_of(weights)
    *found, count = [variable.numpy() for variable in average.variables]
    assert count == 30
    assert_close(found, expected[-1])
    for _ in range(2):  # 64 images
        average.on_train_batch_end(0)
    halfway = [(a + w) / 2 for a, w in zip(expected[-1], weights[-1], strict=True)]
    assert_close([variable.numpy() for variable in average.variables[:-1]], halfway)


def test_a_validation_is_of_the_averages_and_leaves_the_weights():
    model, average = compiled()
    model.set_weights([w + 1 for w in model.get_weights()])
    images = np.zeros([8, 8, 8, 1], np.uint8)
    weights = model.get_weights()
    averages = [variable.numpy() for variable in average.variables[:-1]]
    score = model.evaluate(images, verbose=0, callbacks=[average])
    assert_close(model.get_weights(), weights)
    assert_close([variable.numpy() for variable in average.variables[:-1]], averages)
    assert not np.allclose(score, model.evaluate(images, verbose=0), rtol=1e-2)
    model.set_weights(averages)
    np.testing.assert_allclose(score, model.evaluate(images, verbose=0), rtol=1e-5)


class Seen(WeightAverage):
    """Keeps the weights after each execution, the initial ones first."""

    def __init__(self, model, *args):
        super().__init__(model, *args)
        self.seen = [model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self.seen.append(self.model.get_weights())


RECIPE = Recipe(
    name="small",
    summary="a small VAE",
    dataset="digits",
    levels=17,
    model=small_vae,
    steps=6,
    batch_size=BATCH_SIZE,
    validate_every=STEPS_PER_EXECUTION,
    learning_rate=1e-2,
    average_half_life=HALF_LIFE,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a run, its folder, and the weights that it keeps: the best, or else the last."""
    out, left = tmp_path_factory.mktemp("run"), []

    def leave(run, out):
        best, run.best = run.best, []
        last = run.finished_model().get_weights()
        run.best = best
        left.extend([run, out, {"best": run.finished_model().get_weights(), "last": last}])
        steps = progress.save_training_picture(run.directory, out / "training.png")
        assert steps == [2, 4, 6]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "WeightAverage", Seen)
        patch.setattr(run_module, "_leave_entry", leave)
        training.train(RECIPE, out)
    return left


@pytest.mark.parametrize("which", ["best", "last"])
def test_what_is_kept_are_averages(which, trained):
    run, _, kept = trained
    losses = [row["val_loss"] for row in run.history]
    assert len(losses) == len(run.average.seen) - 1 == 3
    index = int(np.argmin(losses)) if which == "best" else 2
    assert_close(kept[which], averages_of(run.average.seen)[index])
    raw = run.average.seen[index + 1]
    assert max(np.abs(k - r).max() for k, r in zip(kept[which], raw, strict=True)) > 1e-3


def test_the_logs_hold_the_scalars_of_each_validation_and_samples(trained):
    run, out, kept = trained
    logs = EventAccumulator(str(out / "logs"), size_guidance={"tensors": 0}).Reload()
    steps, names = [row["step"] for row in run.history], set(run.history[0]) - {"step"}
    assert {"loss", "val_loss"} <= names and set(logs.Tags()["tensors"]) == {*names, "samples"}
    for name in names:
        events = logs.Tensors(name)
        assert [event.step for event in events] == steps == [2, 4, 6]
        values = [tf.make_ndarray(event.tensor_proto) for event in events]
        np.testing.assert_allclose(values, [row[name] for row in run.history], atol=1e-4)
    events = logs.Tensors("samples")
    assert [event.step for event in events] == steps
    # A summary of an image is its width, its height and the PNG.
    files = [io.BytesIO(event.tensor_proto.string_val[2]) for event in events]
    grids = [np.atleast_3d(Image.open(file)) for file in files]
    assert np.any(grids[0] != grids[-1])
    run.model.set_weights(kept["last"])
    last = pictures.grid_of(*sample_grid(run.model, 16))
    np.testing.assert_array_equal(grids[-1], np.atleast_3d(last))
    picture = np.atleast_3d(Image.open(out / "training.png"))
    np.testing.assert_array_equal(picture, pictures.panels_of(np.stack(grids)))


def test_samples_are_logged_so_many_times_however_long_the_training(tmp_path):
    for steps, every in (
        (1000, 10),
        (999, 10),
        (30_000, 3000),
        (80, 10),
        (33, 10),
        (10, 10),
        (5, 10),
    ):
        board = TensorBoard(tmp_path, tmp_path, every, steps)
        validated = [*range(every, steps, every), steps]
        wanted = [step for step in validated if board.wants_samples(step)]
        assert len(wanted) == min(8, len(validated))
        assert wanted[0] == validated[0] and wanted[-1] == steps


def test_without_samples_there_is_no_picture_of_the_training(tmp_path):
    assert progress.save_training_picture(tmp_path, tmp_path / "training.png") == []
    assert not list(tmp_path.iterdir())


def test_logs_that_cannot_be_written_are_told_and_stop_nothing(tmp_path, monkeypatch):
    (tmp_path / "logs").write_text("a file")
    warnings = []
    monkeypatch.setattr(
        progress.logging, "warning", lambda text, *rest: warnings.append(text % rest)
    )
    TensorBoard(tmp_path / "logs", tmp_path, 10, 1000).write(None, 20, {"loss": 1.0})
    assert len(warnings) == 1 and "the logs of step 20 could not be written (" in warnings[0]
