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
from tfgen.models.distributed_fit import RunningMean
from tfgen.training import run_folder
from tfgen.training.average import WeightAverage
from tfgen.training.checkpoints import Checkpoints, NotSaved
from tfgen.training.progress import (
    Diverged,
    ProgressBar,
    TensorBoard,
    WatchLosses,
    save_training_picture,
)
from tfgen.training.strategy import check_batch_size, choose_strategy
from tfgen.training.workers import LOST, Workers

KEEP = 3
ON_NAN = ("stop", "rollback")
CHECKPOINT_SECONDS = 60
MAX_ROLLBACKS = 3
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
    keep=KEEP,
    checkpoint_seconds=CHECKPOINT_SECONDS,
    on_nan="stop",
    initial_weights=None,
    resume_command=None,
):
    """Train `recipe` (see `recipes.base`) and leave the finished entry in the folder `out`.

    A run that was interrupted there goes on where it was. Returns the path of the entry.

    Args:
        recipe: the `Recipe`.
        out: folder of the entry; several workers must share it.
        strategy: its name, or a `tf.distribute.Strategy`; see `choose_strategy`.
        data_dir: TFDS's data directory.
        overwrite: replace a finished entry or another training in `out`.
        keep: how many checkpoints, the newest ones, are kept.
        checkpoint_seconds: between two checkpoints.
        on_nan: what follows when a loss explodes, or it or a weight is not finite: "stop", or
            "rollback" to the last checkpoint, from where data order and noise take another way;
            at most `MAX_ROLLBACKS` times.
        initial_weights: a function that sets the weights of the new model and returns notes for
            `entry.json`, for fine-tuning.
        resume_command: what to tell the user to run after an interruption.

    Raises `UserError` for what cannot be: an `out` that holds another entry or cannot be written,
    a batch that the replicas cannot share, unknown data, workers that disagree or are lost, a
    training that diverges; `Interrupted` after Ctrl-C or SIGTERM.
    """
    out = pathlib.Path(out)
    command = resume_command or shlex.join(["tfgen", "train", recipe.name, "--out", str(out)])
    if on_nan not in ON_NAN:
        raise UserError(f"on_nan must be one of {', '.join(ON_NAN)}, but is '{on_nan}'.")
    if keep < 1:
        raise UserError(f"keep must be at least 1, but is {keep}.")
    chosen = choose_strategy(strategy)
    check_batch_size(recipe.batch_size, chosen)
    run_folder.check_free(out, recipe, overwrite)
    workers = Workers(chosen)
    data = image_data.load(
        recipe.dataset, data_dir=data_dir, levels=recipe.levels, limit=recipe.limit
    )
    if recipe.conditional and not data.num_classes:
        raise UserError(f"a conditional model needs labels, but '{data.name}' has none.")
    try:
        with workers.loss_told(command):
            state = _agreed_folder(workers, recipe, data, out)
            run = _Run(recipe, data, workers, state, keep, initial_weights)
            run.resume()
            with _interrupt_flag() as interrupted:
                run.fit(out / "logs", interrupted, checkpoint_seconds, on_nan == "rollback")
            if run.stopped or interrupted.is_set():
                raise Interrupted(
                    f"interrupted at step {run.step} of {recipe.steps}; "
                    f"all is kept in {out}. To go on, run: {command}"
                )
            if workers.is_chief:
                _leave_entry(run, out)
                shutil.rmtree(state)
            with contextlib.suppress(*LOST):  # the entry is finished all the same
                workers.wait()
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; to go on from the last checkpoint, run: {command}"
        ) from None
    return out


def _agreed_folder(workers, recipe, data, out):
    """Return the folder of the run's state, once all workers agree on it and on the recipe."""
    settings = f"{run_folder.settings(recipe)} {data.size('train')} images"
    workers.check_same(
        settings,
        "the workers train different recipes, or on different images; "
        "start all of them with the same command.",
    )
    if workers.is_chief:
        state = run_folder.prepare(out, recipe)
        logging.info("%s", data.where)
    workers.wait()
    state = run_folder.state_of(out)
    workers.check_same(
        str(sorted(path.name for path in state.glob("*"))),
        f"the workers see different files in {out}; --out must be a folder that all of them share.",
    )
    return state


def _leave_entry(run, out):
    recipe, data = run.recipe, run.data
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
    save_training_picture(run.directory, out / "training.png")
    entry_files.write(model, out, record)


class _Run:
    """One training with all its state."""

    def __init__(self, recipe, data, workers, directory, keep, initial_weights):
        self.recipe, self.data, self.workers = recipe, data, workers
        self.directory = directory
        self.strategy = strategy = workers.strategy
        self.history = []
        self.seconds = 0.0
        self.rollbacks = 0
        self.stopped = False
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
        self.model.reset_metrics()
        self.average = None
        if recipe.average_half_life and len(self.model.optimizer_names) == 1:
            self.average = WeightAverage(self.model, recipe.average_half_life, recipe.batch_size)
        self.best = []
        if recipe.select:
            self.best = [tf.Variable(w, trainable=False) for w in self.model.get_weights()]
        averages = self.average.variables if self.average else []
        self.checkpoints = Checkpoints(directory, self.model, [*averages, *self.best], keep)

    @property
    def step(self):
        return self.model.steps_taken

    @property
    def seed(self):
        """The seed of the data's order and of the noise: another one after each rollback."""
        return self.recipe.seed + self.rollbacks

    def resume(self):
        """Go on from the last checkpoint; without any, write that of the start."""
        if self._restore():
            self.model.reseed(self.seed)
            logging.info("resuming at step %d of %d", self.step, self.recipe.steps)
        else:
            self.save()

    def _restore(self):
        notes = self.checkpoints.restore()
        self.workers.check_same(
            str(self.checkpoints.newest),
            "the workers read different checkpoints; "
            "--out must be a folder that all of them share.",
        )
        if notes:
            self.history, self.seconds = notes["history"], notes["seconds"]
            self.rollbacks = notes["rollbacks"]
            self.model.running_mean = RunningMean(**notes["losses"])
        return notes is not None

    def save(self):
        if not self.workers.is_chief:
            return
        notes = {
            "history": self.history,
            "seconds": self.seconds,
            "rollbacks": self.rollbacks,
            "losses": self.model.running_mean.state(),
        }
        self.checkpoints.save(self.step, notes)

    def fit(self, logs, interrupted, checkpoint_seconds, may_roll_back):
        """Train to the end or until `interrupted`, and leave a checkpoint of that step."""
        recipe = self.recipe
        board = TensorBoard(logs, self.directory, recipe.validate_every, recipe.steps)
        with ProgressBar(recipe.steps, recipe.batch_size, self.workers.is_chief) as bar:
            callbacks = [
                WatchLosses(self.checkpoints.variables, self._batch_of),
                *([self.average] if self.average else []),
                bar,
                _SaveNow(self, interrupted, checkpoint_seconds),
            ]
            while True:
                validated = self.history[-1]["step"] if self.history else 0
                if self.step % recipe.validate_every == 0 and self.step > validated:
                    self._validate(bar, board)
                if self.stopped or self.step >= recipe.steps:
                    break
                try:
                    self._fit_until_validation(callbacks)
                except Diverged as error:
                    self._roll_back(error, may_roll_back)
        self.save()

    def _fit_until_validation(self, callbacks):
        recipe = self.recipe
        started = time.perf_counter()
        self.model.fit(
            self.data.train_batches(recipe.batch_size, seed=self.seed, start_step=self.step),
            steps_per_epoch=recipe.validate_every - self.step % recipe.validate_every,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        self.seconds += time.perf_counter() - started

    def _validate(self, bar, board):
        model = self.model
        figures = model.running_mean.means()
        scores = model.evaluate(
            self.data.batches("validation", self.recipe.batch_size),
            verbose=0,
            return_dict=True,
            callbacks=[self.average] if self.average else [],
        )
        figures |= {f"val_{name}": float(value) for name, value in scores.items()}
        model.reset_metrics()
        self._validated(figures)
        if board.wants_samples(self.step):
            model.finish(self.data.images("train", ADAPT_IMAGES))
        if self.workers.is_chief:
            bar.validated(self.step, figures)
            board.write(model, self.step, figures)

    def _roll_back(self, error, may_roll_back):
        """Go back to the last checkpoint and on from there by another way, or raise."""
        if not may_roll_back or self.rollbacks == MAX_ROLLBACKS:
            after = f" after {self.rollbacks} rollbacks" if self.rollbacks else ""
            raise UserError(
                f"{error}; training stopped{after}, and the last good checkpoint is kept. Try a "
                "lower learning rate, gradient clipping, or --on_nan=rollback."
            ) from error
        rollbacks = self.rollbacks + 1
        self._restore()
        self.rollbacks = rollbacks
        self.model.reseed(self.seed)
        logging.warning(
            "%s; going on from step %d with other batches and noise (rollback %d of %d)",
            error,
            self.step,
            rollbacks,
            MAX_ROLLBACKS,
        )

    def _batch_of(self, step):
        """Return words for the batch of a step, counted from 1."""
        batch_size, size = self.recipe.batch_size, self.data.size("train")
        epoch, position = divmod((step - 1) * batch_size, size)
        return f"batch {position // batch_size + 1} of epoch {epoch + 1}, seed {self.seed}"

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
        if self.recipe.precision != "float32" or self.workers.several:
            # A model outside the strategy, so that the chief can evaluate it alone.
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
            "rollbacks": self.rollbacks,
            "replicas": self.strategy.num_replicas_in_sync,
            "strategy": type(self.strategy).__name__,
            "hardware": _hardware(),
            "seed": self.recipe.seed,
            "history": self.history,
            **self.notes,
        }


class _SaveNow(keras.callbacks.Callback):
    """Checkpoints every minute or so, and stops all workers when one of them is interrupted.

    It also lets the running means of the losses go on in the next `fit`.
    """

    def __init__(self, run, interrupted, seconds):
        super().__init__()
        self._run = run
        self._interrupted = interrupted
        self._seconds = seconds
        self._saved = time.monotonic()

    def on_train_begin(self, logs=None):
        self._losses = self.model.running_mean

    def on_epoch_begin(self, epoch, logs=None):
        self.model.running_mean = self._losses

    def on_train_batch_end(self, batch, logs=None):
        if self._run.workers.any(self._interrupted.is_set()):
            self._run.stopped = self.model.stop_training = True
        elif time.monotonic() - self._saved > self._seconds:
            self._saved = time.monotonic()
            try:
                self._run.save()
            except NotSaved as error:
                logging.warning("%s Training goes on meanwhile.", error)


@contextlib.contextmanager
def _interrupt_flag():
    """Yield an event that Ctrl-C or SIGTERM sets, so that training stops between executions."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def stop(_signal, _frame):
        if interrupted.is_set():
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        interrupted.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
