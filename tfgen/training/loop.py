"""One training with all its state: steps, validations, checkpoints, the weights to keep."""

import contextlib
import hashlib
import json
import re
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from tfgen import hardware
from tfgen.errors import UserError
from tfgen.models.base import dtype_policy
from tfgen.models.running_mean import RunningMean
from tfgen.training.average import WeightAverage
from tfgen.training.checkpoints import Checkpoints, NotSaved
from tfgen.training.progress import Diverged, ProgressBar, TensorBoard, WatchLosses

MAX_ROLLBACKS = 3
ADAPT_IMAGES = 10_000
MAX_STEPS_PER_EXECUTION = 25
BEGAN = {  # what may be other than when a training began, beside its settings
    "images": "with other images",
    "images_sha256": "with other images",
    "weights": "from another entry",
    "model_sha256": "with another model",
}


class Run:
    """One training with all its state."""

    def __init__(self, recipe, data, workers, directory, keep, initial_weights):
        self.recipe, self.data, self.workers = recipe, data, workers
        self.directory = directory
        self.strategy = strategy = workers.strategy
        self.history = []
        self.seconds = 0.0
        self._since = None  # when the steps that `seconds` does not count yet began
        self.rollbacks = 0
        self.usual = {}  # name of a loss -> its usual size, for `WatchLosses`
        self.stopped = False
        keras.utils.set_random_seed(recipe.seed)
        with strategy.scope(), dtype_policy(recipe.precision):
            self.model = recipe.model_for(data)
            labels = data.labels("train", ADAPT_IMAGES) if self.model.num_classes else None
            images = data.images("train", ADAPT_IMAGES)
            self.model.adapt(images, labels)
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
        self.began_with = {
            "images": data.size("train"),
            "images_sha256": hashlib.sha256(images).hexdigest(),
            "weights": self.notes.get("finetuned_from_sha256", ""),
            "model_sha256": digest(self.model),
        }
        workers.check_same(
            self.began_with["weights"],
            "the workers go on from different entries; give all of them the same.",
        )
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

    def resume(self, overwrite=False):
        """Go on from the last checkpoint; without any, write that of the start.

        What cannot be gone on from is refused, or replaced if `overwrite`: damaged checkpoints, and
        those of another model or of a training that began with other images.
        """
        if self._restore(overwrite):
            self.model.reseed(self.seed)
            logging.info("resuming at step %d of %d", self.step, self.recipe.steps)
        else:
            self.save()

    def _restore(self, overwrite=False):
        notes = None
        try:
            notes = self.checkpoints.restore(self._check_began)
        except UserError as error:
            if not overwrite:
                raise
            logging.warning("starting anew, as --overwrite is given: %s", error)
        self.workers.check_same(
            str(self.checkpoints.newest),
            "the workers read different checkpoints; "
            "--out must be a folder that all of them share.",
        )
        if notes:
            self.history, self.seconds = notes["history"], notes["seconds"]
            self.rollbacks = notes["rollbacks"]
            self.usual.clear()
            self.usual.update(notes.get("usual", {}))
            self.model.running_mean = RunningMean(**notes["losses"])
        return notes is not None

    def save(self):
        if not self.workers.is_chief:
            return
        notes = {
            "began_with": self.began_with,
            "history": self.history,
            "seconds": self._seconds_so_far(),
            "rollbacks": self.rollbacks,
            "losses": self.model.running_mean.state(),
            "usual": self.usual,
        }
        self.checkpoints.save(self.step, notes)

    def _check_began(self, notes):
        """Raise `UserError` if a checkpoint is of a training that began with something else."""
        before = notes.get("began_with", {})
        for key, words in BEGAN.items():
            if key in before and before[key] != self.began_with[key]:  # early ones lack some
                raise UserError(
                    f"the training in {self.directory.parent} began {words}; give it what it "
                    "began with, choose another --out, or pass --overwrite to start anew."
                )

    def _seconds_so_far(self):
        return self.seconds + (time.perf_counter() - self._since if self._since else 0.0)

    def fit(self, logs, interrupted, checkpoint_seconds, may_roll_back):
        """Train to the end or until `interrupted`, and leave a checkpoint of that step."""
        recipe = self.recipe
        watch = WatchLosses(self.checkpoints.variables, self._batch_of, self.usual)
        saver = _SaveNow(self, watch, interrupted, checkpoint_seconds)
        board = TensorBoard(logs, self.directory, recipe.validate_every, recipe.steps)
        with ProgressBar(recipe.steps, recipe.batch_size, self.workers.is_chief) as bar:
            callbacks = [
                watch,
                *([self.average] if self.average else []),
                bar,
                saver,
            ]
            while True:
                try:
                    if self.is_to_be_validated():
                        self._validate(bar, board)
                        saver.save_if_due()
                    if self.stopped or self.step >= recipe.steps:
                        break
                    self._fit_until_validation(callbacks)
                except Diverged as error:
                    self._roll_back(error, may_roll_back)
        self.save()

    def is_to_be_validated(self):
        """Tell whether the step is one that is validated and was not yet."""
        step, every = self.step, self.recipe.validate_every
        validated = self.history[-1]["step"] if self.history else 0
        return step > validated and (step % every == 0 or step >= self.recipe.steps)

    def _fit_until_validation(self, callbacks):
        recipe, step = self.recipe, self.step
        self._since = time.perf_counter()
        try:
            self.model.fit(
                self.data.train_batches(recipe.batch_size, seed=self.seed, start_step=step),
                steps_per_epoch=min(
                    recipe.validate_every - step % recipe.validate_every, recipe.steps - step
                ),
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
            self.seconds = self._seconds_so_far()
        finally:
            self._since = None

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
        with self._averaged():  # whose samples are shown, as they were validated
            if board.wants_samples(self.step):
                model.finish(self.data.images("train", ADAPT_IMAGES))
            if self.workers.is_chief:
                bar.validated(self.step, figures)
                board.write(model, self.step, figures)

    def _roll_back(self, error, may_roll_back):
        """Go back to the last checkpoint and on from there by another way, or raise."""
        if not may_roll_back or self.rollbacks == MAX_ROLLBACKS:
            after = f" after {self.rollbacks} rollbacks" if self.rollbacks else ""
            start = (
                "Start" if may_roll_back else "Go on from there with --on_nan=rollback, or start"
            )
            raise UserError(
                f"{error}; training stopped{after}, and the last good checkpoint is kept. {start} "
                "anew with a recipe of a lower learning rate or of clipped gradients."
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
        for name, value in figures.items():
            if not np.isfinite(value):
                raise Diverged(f"{name} is not finite ({value}) at step {self.step}")
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
        try:
            yield
        finally:
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
            "hardware": hardware.describe(),
            "seed": self.recipe.seed,
            "history": self.history,
            **self.notes,
        }


def digest(model):
    """Return a digest of a model's class and settings, the same in every process."""
    text = json.dumps([type(model).__name__, model.get_config()], sort_keys=True)
    # Without the numbers that Keras gives names, of layers say, in the order they are made.
    return hashlib.sha256(re.sub(r'_\d+"', '"', text).encode()).hexdigest()


class _SaveNow(keras.callbacks.Callback):
    """Checkpoints every minute or so, and stops all workers when one of them is interrupted.

    It also lets the running means of the losses go on in the next `fit`.
    """

    def __init__(self, run, watch, interrupted, seconds):
        super().__init__()
        self._run = run
        self._watch = watch
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
        elif not self._run.is_to_be_validated():  # a step that fails it is none to go back to
            self.save_if_due()

    def save_if_due(self):
        if self._watch.settled and time.monotonic() - self._saved > self._seconds:
            self._saved = time.monotonic()
            try:
                self._run.save()
            except NotSaved as error:
                logging.warning("%s Training goes on meanwhile.", error)
