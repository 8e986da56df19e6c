"""Log-likelihoods and their bounds over a whole split, each image counted once."""

import math

import numpy as np

from tfgen.images import graph_mistakes_told


@graph_mistakes_told()
def mean_score(score, data, split, batch_size=100):
    """Return (mean, standard error, n) of `score(images, labels, seeds)` [b] over a split.

    The standard error of one image is None.
    """
    values, seen = [], 0
    batch_size = min(batch_size, data.size(split))  # a small split is not padded
    for images, labels, weights in data.batches(split, batch_size):
        seeds = np.arange(seen, seen + batch_size, dtype=np.int32)
        keep = weights.numpy() > 0
        values.append(np.asarray(score(images, labels, seeds), np.float64)[keep])
        seen += batch_size
    values = np.concatenate(values)
    n = len(values)
    return values.mean(), values.std(ddof=1) / math.sqrt(n) if n > 1 else None, n


def bits_per_dim(nats, image_shape):
    """Return nats per image as bits per pixel and channel."""
    return nats / (math.prod(image_shape) * math.log(2))
