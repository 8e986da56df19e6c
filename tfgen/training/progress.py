"""What is seen of a training run: a progress bar, TensorBoard logs, and its end if it explodes."""

import math
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tfgen.errors import UserError
from tfgen.export import pictures
from tfgen.export.entry import sample_grid


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run at the first step whose losses are not finite, before it is checkpointed."""

    def on_train_batch_end(self, batch, logs=None):
        for name, value in (logs or {}).items():
            if not math.isfinite(float(value)):
                raise UserError(
                    f"{name} is not finite ({float(value)}) at step {self.model.steps_taken}; "
                    "training stopped, and the last good checkpoint is kept. "
                    "Try a lower learning rate, or gradient clipping."
                )


class ProgressBar(keras.callbacks.Callback):
    """A bar with rate, losses and time left; plain lines where there is no terminal."""

    def __init__(self, steps, batch_size):
        super().__init__()
        self._steps = steps
        self._batch_size = batch_size
        self._started = None
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=steps, shown="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.steps_taken
        if self._started is None:  # after the first execution, which compiles
            self._started = (step, time.perf_counter())
        done, since = step - self._started[0], time.perf_counter() - self._started[1]
        rate = f"{done * self._batch_size / since:,.0f} images/s  " if done else ""
        self._bar.update(self._task, completed=step, shown=rate + _shown(logs))

    def validated(self, logs):
        """Show the figures of a validation."""
        if not self._console.is_terminal:
            logging.info("step %d of %d: %s", self.model.steps_taken, self._steps, _shown(logs))


class TensorBoard:
    """Scalars of each validation and, a few times, a grid of samples.

    Args: directory: of the logs; state: the folder that keeps the grids until the training is
        finished; grids: their number.
    """

    def __init__(self, directory, state, grids=8):
        self._writer = tf.summary.create_file_writer(str(directory))
        self._state = state
        self._grids = grids
        self._shown = -1

    def wants_samples(self, step, steps):
        return step * self._grids // steps > self._shown

    def write(self, model, step, steps, logs):
        with self._writer.as_default(step=step):
            for name, value in logs.items():
                tf.summary.scalar(name, float(value))
            if self.wants_samples(step, steps):
                self._shown = step * self._grids // steps
                grid = pictures.grid_of(*sample_grid(model, 16))
                tf.summary.image("samples", grid[None])
                pictures.save_image(grid, self._state / f"samples-{step:08}.png")
        self._writer.flush()


def save_training_picture(state, path):
    """Write the grids of samples that a whole training left in the folder `state` as one PNG."""
    grids = [np.atleast_3d(Image.open(file)) for file in sorted(state.glob("samples-*.png"))]
    if grids:
        pictures.save_grid(np.stack(grids), path, columns=4)


def _shown(logs):
    return "  ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
