"""How far an evaluation is, on standard error as that of a training is."""

import contextlib

import numpy as np
from absl import logging

from tfgen.names import counted
from tfgen.progress_bar import progress_bar

BATCH = 256  # samples from one move of the bar to the next


@contextlib.contextmanager
def progress(what, size):
    """Yield a function to be told how many more of `size` images are done.

    On a terminal a bar shows it; elsewhere a line says that they are begun.
    """
    with progress_bar(what) as bar:
        if not bar.console.is_terminal:
            logging.info("%s: %s", what, counted(size, "image"))
        task = bar.add_task(what, total=size)
        yield lambda more: bar.advance(task, more)


def sample_sets(model, n, seed, count, labels=None):
    """Draw `count` sets of `n` samples, each set from the seeds after those of the last.

    Args: labels: [n] of every set, for a conditional model.

    Returns a list of uint8 [n, h, w, c].
    """
    sets = []
    with progress("samples", n * count) as advance:
        for first in range(seed, seed + n * count, n):
            images = []
            for start in range(0, n, BATCH):
                size = min(BATCH, n - start)
                of_these = None if labels is None else labels[start : start + size]
                images.append(model.sample(size, first + start, labels=of_these))
                advance(size)
            sets.append(np.concatenate(images))
    return sets
