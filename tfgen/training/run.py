"""Train a recipe: data, model, distributed fit, checkpoints, and a finished entry at the end.

out/.training/   checkpoints and settings, while it runs; a killed run goes on from them
out/logs/        TensorBoard
out/entry.json   and the other files of the entry, once it is finished
"""

import contextlib
import os
import pathlib
import platform
import shlex
import shutil
import signal
import threading
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from tfgen import data as image_data
from tfgen import metrics
from tfgen.errors import UserError
from tfgen.export import entry as entry_files
from tfgen.models.base import dtype_policy
from tfgen.training import run_folder
from tfgen.training.average import WeightAverage
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.progress import (
    ProgressBar,
    StopOnNaN,
    TensorBoard,
    save_training_picture,
)
from tfgen.training.strategy import check_batch_size, choose_strategy

CHECKPOINT_SECONDS = 60
ADAPT_IMAGES = 10_000
MAX_STEPS_PER_EXECUTION = 25


class Interrupted(UserError):
    """Training was interrupted; all its work is kept, and the sentence says how to go on."""


def train(
    recipe,
    out,
    *,
    strategy="auto",
    data_dir=None,
    overwrite=False,
    initial_weights=None,
    resume_command=None,
):
    """Train `recipe` (see `recipes.base`) and leave the finished entry in the folder `out`.

    A run that was interrupted there goes on where it was. Returns the path of the entry.

    Args:
        recipe: the `Recipe`.
        out: folder of the entry.
        strategy: its name, or a `tf.distribute.Strategy`; see `choose_strategy`.
        data_dir: TFDS's data directory.
        overwrite: replace a finished entry or another training in `out`.
        initial_weights: a function that sets the weights of the new model and returns notes for
            `entry.json`, for fine-tuning.
        resume_command: what to tell the user to run after an interruption.

    Raises `UserError` for what cannot be: an `out` that holds another entry or cannot be written,
    a batch that the replicas cannot share, unknown data, a loss that is not finite; `Interrupted`
    after Ctrl-C.
    """
    out = pathlib.Path(out)
    command = resume_command or shlex.join(["tfgen", "train", recipe.name, "--out", str(out)])
    try:
        return _train(recipe, out, strategy, data_dir, overwrite, initial_weights, command)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; to go on from the last checkpoint, run: {command}"
        ) from None


def _train(recipe, out, strategy, data_dir, overwrite, initial_weights, command):
    chosen = choose_strategy(strategy)
    check_batch_size(recipe.batch_size, chosen)
    run_folder.check_free(out, recipe, overwrite)
    data = image_data.load(
        recipe.dataset, data_dir=data_dir, levels=recipe.levels, limit=recipe.limit
    )
    if recipe.conditional and not data.num_classes:
        raise UserError(f"a conditional model needs labels, but '{data.name}' has none.")
    state = run_folder.prepare(out, recipe)
    logging.info("%s", data.where)
    run = _Run(recipe, data, chosen, state, initial_weights)
    run.resume()
    with _interrupt_flag() as interrupted:
        run.fit(out / "logs", interrupted)
    if interrupted.is_set():
        raise Interrupted(
            f"interrupted at step {run.step} of {recipe.steps}; "
            f"all is kept in {out}. To go on, run: {command}"
        )
    model = run.finished_model()
    logging.info("evaluating on the test split")
    record = {
        "name": out.name if out.name not in ("", ".") else recipe.name,
        "summary": recipe.summary,
        "dataset": data.name,
        "levels": data.levels,
        "class_names": list(data.class_names) if recipe.conditional else [],
        "recipe": recipe.settings(),
        "training": run.record(),
        "metrics": metrics.evaluate(
            model, data, "test", importance_samples=recipe.importance_samples
        ),
    }
    save_training_picture(state, out / "training.png")
    path = entry_files.write(model, out, record)
    shutil.rmtree(state)
    return path


class _Run:
    """One training with all its state."""

    def __init__(self, recipe, data, strategy, directory, initial_weights):
        self.recipe, self.data, self.strategy = recipe, data, strategy
        self._directory = directory
        self.history = []
        self.seconds = 0.0
        keras.utils.set_random_seed(recipe.seed)
        with strategy.scope(), dtype_policy(recipe.precision):
            self.model = recipe.model(data.image_shape, data.num_classes * recipe.conditional)
            self.model.adapt(data.images("train", ADAPT_IMAGES))
            self.notes = initial_weights(self.model) if initial_weights else {}
            common = np.gcd(recipe.validate_every, recipe.steps)
            self.model.compile(
                **recipe.optimizers(self.model),
                steps_per_execution=max(
                    d for d in range(1, MAX_STEPS_PER_EXECUTION + 1) if common % d == 0
                ),
                seed=recipe.seed,
            )
            self.model.build_optimizers()
        self.average = None
        if recipe.average_half_life and len(self.model.optimizer_names) == 1:
            self.average = WeightAverage(self.model, recipe.average_half_life, recipe.batch_size)
        self.best = []
        if recipe.select:
            self.best = [tf.Variable(w, trainable=False) for w in self.model.get_weights()]
        averages = self.average.variables if self.average else []
        self.checkpoints = Checkpoints(directory, self.model, [*averages, *self.best])

    @property
    def step(self):
        return self.model.steps_taken

    def resume(self):
        notes = self.checkpoints.restore()
        if notes is not None:
            self.history, self.seconds = notes["history"], notes["seconds"]
            logging.info("resuming at step %d of %d", self.step, self.recipe.steps)

    def save(self):
        self.checkpoints.save(self.step, {"history": self.history, "seconds": self.seconds})

    def fit(self, logs, interrupted):
        recipe, model = self.recipe, self.model
        validation = self.data.batches("validation", recipe.batch_size)
        board = TensorBoard(logs, self._directory)
        with ProgressBar(recipe.steps, recipe.batch_size) as bar:
            callbacks = [StopOnNaN(), bar, _SaveNow(self, interrupted)]
            if self.average:
                callbacks.insert(1, self.average)
            while self.step < recipe.steps and not interrupted.is_set():
                started = time.perf_counter()
                seen = model.fit(
                    self.data.train_batches(
                        recipe.batch_size, seed=recipe.seed, start_step=self.step
                    ),
                    steps_per_epoch=recipe.validate_every - self.step % recipe.validate_every,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
                self.seconds += time.perf_counter() - started
                if self.step % recipe.validate_every:
                    break  # interrupted
                figures = {name: values[-1] for name, values in seen.history.items()}
                scores = model.evaluate(
                    validation,
                    verbose=0,
                    return_dict=True,
                    callbacks=[self.average] if self.average else [],
                )
                figures |= {f"val_{name}": float(value) for name, value in scores.items()}
                self._validated(figures)
                bar.validated(figures)
                if board.wants_samples(self.step, recipe.steps):
                    self.model.finish(self.data.images("train", ADAPT_IMAGES))
                board.write(model, self.step, recipe.steps, figures)
                self.save()

    def _validated(self, figures):
        figures = {name: round(float(value), 4) for name, value in figures.items()}
        self.history.append({"step": self.step, **figures})
        if not self.best:
            return
        key = f"val_{self.recipe.select}"
        if figures[key] <= min(entry[key] for entry in self.history):
            with self._averaged():
                for kept, weight in zip(self.best, self.model.get_weights(), strict=True):
                    kept.assign(weight)

    @contextlib.contextmanager
    def _averaged(self):
        if self.average:
            self.average.swap()
        yield
        if self.average:
            self.average.swap()

    def finished_model(self):
        """Return the model with the weights to keep, ready for evaluation and for its entry."""
        if self.best:
            self.model.set_weights([kept.numpy() for kept in self.best])
        elif self.average:
            self.average.swap()
        model = self.model
        if self.recipe.precision != "float32":
            model = type(model).from_config({**model.get_config(), "dtype": "float32"})
            model.set_weights(self.model.get_weights())
        model.finish(self.data.images("train", ADAPT_IMAGES))
        return model

    def record(self):
        """Return what `entry.json` says of the training."""
        images = self.step * self.recipe.batch_size
        return {
            "steps": self.step,
            "images": images,
            "seconds": round(self.seconds, 1),
            "images_per_second": round(images / self.seconds, 1),
            "replicas": self.strategy.num_replicas_in_sync,
            "strategy": type(self.strategy).__name__,
            "hardware": _hardware(),
            "seed": self.recipe.seed,
            "history": self.history,
            **self.notes,
        }


class _SaveNow(keras.callbacks.Callback):
    """Checkpoints every minute, and once more before it stops an interrupted training."""

    def __init__(self, run, interrupted):
        super().__init__()
        self._run = run
        self._interrupted = interrupted
        self._saved = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if self._interrupted.is_set():
            self._run.save()
            self.model.stop_training = True
        elif time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._run.save()
            self._saved = time.monotonic()


@contextlib.contextmanager
def _interrupt_flag():
    """Yield an event that Ctrl-C sets, so that training stops between two executions."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def stop(_signal, _frame):
        if interrupted.is_set():
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        interrupted.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _hardware():
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
    cores = os.cpu_count()
    return f"{cpu}, {cores} cores" + "".join(f", {gpu}" for gpu in gpus)
