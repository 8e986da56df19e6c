"""What is seen of a training run: a progress bar, TensorBoard logs, and its end if it explodes."""

import math
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image
from rich.progress import TextColumn

from tfgen.errors import UserError
from tfgen.export import pictures
from tfgen.export.atomic import NotWritten, reason_of
from tfgen.export.entry import sample_grid
from tfgen.progress_bar import progress_bar

EXPLODED = 1000  # times the usual size of a loss
UNSETTLED = 30


class Diverged(UserError):
    """A loss or a weight is not finite, or a loss has exploded."""


class WatchLosses(keras.callbacks.Callback):
    """Raises `Diverged` at the first step that went wrong, before anything of it is kept.

    A loss has exploded when it is `EXPLODED` times what it usually was, or 1 if that is more. What
    is usual grows by a hundredth a step at most, so that it does not explode along.

    Attributes:
        settled: whether no loss was `UNSETTLED` times as large as usual in the last step: one that
            explodes in many steps is stopped late, and what it led to is not to be kept.

    Args:
        variables: whatever is checkpointed; none must become infinite or NaN.
        batch_of: step, from 1 on -> words for its batch.
        usual: name of a loss -> its usual size so far, which is kept up to date.
    """

    def __init__(self, variables, batch_of, usual):
        super().__init__()
        self._variables = [v for v in variables if v.dtype.is_floating]
        self._batch_of = batch_of
        self._usual = usual
        self.settled = True

    def on_train_batch_end(self, batch, logs=None):
        losses = {k: v.numpy().astype(float) for k, v in self.model.running_mean.latest.items()}
        steps = len(next(iter(losses.values())))
        last = self.model.steps_taken
        for index in range(steps):
            step = last - steps + 1 + index
            where = f"at step {step} ({self._batch_of(step)})"
            sizes = [self._check(name, values[index], where) for name, values in losses.items()]
            self.settled = max(sizes) < UNSETTLED
        if not self._sound():
            raise Diverged(f"a weight is not finite after step {last} ({self._batch_of(last)})")

    def _check(self, name, value, where):
        """Return how many times its usual size, or 1 if that is more, a loss has."""
        usual = self._usual.get(name, abs(value))
        if not math.isfinite(value):
            raise Diverged(f"{name} is not finite ({value}) {where}")
        size = abs(value) / max(1, usual)
        if size > EXPLODED:
            raise Diverged(f"{name} exploded to {value:.3g} {where}")
        self._usual[name] = 0.99 * usual + 0.01 * min(abs(value), 2 * max(1, usual))
        return size

    @tf.function(autograph=False)
    def _sound(self):
        # Infinities and NaNs survive a sum.
        sums = [tf.cast(tf.reduce_sum(variable), tf.float32) for variable in self._variables]
        return tf.math.is_finite(tf.add_n(sums))


class ProgressBar(keras.callbacks.Callback):
    """A bar with rate, losses and time left; plain lines where there is no terminal."""

    def __init__(self, steps, batch_size, shown=True):
        super().__init__()
        self._steps = steps
        self._batch_size = batch_size
        self._started = None
        losses = TextColumn("{task.fields[shown]}")
        self._bar = progress_bar("training", losses, shown=shown)
        self._task = self._bar.add_task("training", total=steps, shown="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.steps_taken
        # Measured from after the first execution, which compiles, and anew after a rollback.
        if self._started is None or step < self._started[0]:
            self._started = (step, time.perf_counter())
        done, since = step - self._started[0], time.perf_counter() - self._started[1]
        rate = f"{done * self._batch_size / since:,.0f} images/s  " if done else ""
        self._bar.update(self._task, completed=step, shown=rate + _shown(logs))

    def validated(self, step, logs):
        """Show the figures of a validation."""
        if not self._bar.console.is_terminal:
            logging.info("step %d of %d: %s", step, self._steps, _shown(logs))


class TensorBoard:
    """Scalars of each validation and, `grids` times, samples; a full disk costs no more than them.

    Which validations show samples follows from their step, so that a resumed run does the same.

    Args:
        directory: of the logs.
        state: the folder that keeps the grids of samples until the training is finished.
        every, steps: of the training.
        grids: how many.
    """

    def __init__(self, directory, state, every, steps, grids=8):
        self._directory, self._writer = str(directory), None
        self._state = state
        self._every, self._steps, self._grids = every, steps, grids

    def wants_samples(self, step):
        return self._grids_until(step) > self._grids_until(step - self._every)

    def write(self, model, step, logs):
        try:
            self._writer = self._writer or tf.summary.create_file_writer(self._directory)
            with self._writer.as_default(step=step):
                for name, value in logs.items():
                    tf.summary.scalar(name, float(value))
                if self.wants_samples(step):
                    grid = pictures.grid_of(*sample_grid(model, 16))
                    tf.summary.image("samples", grid[None])
                    pictures.save_image(grid, self._state / f"samples-{step:08}.png")
            self._writer.flush()
        except (tf.errors.OpError, NotWritten) as error:
            logging.warning("the logs of step %d could not be written (%s)", step, reason_of(error))

    def _grids_until(self, step):
        """Return how many grids there are by a step: 1 at the first validation, all at the end."""
        first = min(self._every, self._steps)
        if step < first:
            return 0
        return 1 + (step - first) * (self._grids - 1) // max(1, self._steps - first)


def save_training_picture(state, path):
    """Write the grids of samples that a whole training left in the folder `state` as one PNG.

    Returns the steps after which they were taken, in their order; without any, there is no PNG.
    """
    files = sorted(state.glob("samples-*.png"))
    if files:
        grids = np.stack([np.atleast_3d(Image.open(file)) for file in files])
        pictures.save_image(pictures.panels_of(grids), path)
    return [int(file.stem.removeprefix("samples-")) for file in files]


def _shown(logs):
    return "  ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
