"""What the autoregressive models share: exact scores, cached sampling, completion.

A subclass gives `parameters(x, labels)`, the parallel pass, and the same network once more as the
steps of a raster scan (`sampling.raster`), in which maps have rows or columns first:

    start(batch, labels)         -> rows: caches above the first row
    begin_row(rows)              -> columns: a nest of [w, b, ...], what each pixel needs
    begin_pixels(rows)           -> left: what stands left of the first pixel
    pixel(column, left, draw)    -> (levels [b, c], next left, features)
    end_row(rows, features, levels) -> rows; features a nest of [w, b, size], levels [w, b, c]
    feature_sizes()              -> the nest of the features' sizes
"""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import from_levels, levels_to_unit, to_levels
from tfgen.likelihoods import Categorical, ContinuousBernoulli, Normal
from tfgen.models.base import TractableModel
from tfgen.sampling import noise as random_noise
from tfgen.sampling.raster import scan


class AutoregressiveModel(TractableModel):
    """p(x) as the product of each pixel's distribution given those before it in raster order.

    Attributes:
        likelihood: of a pixel, given the network's output there.
        groups: channel groups of the feature maps; one per channel if the network ties the channels
            of a pixel together, 1 if the likelihood does.
    """

    def __init__(self, image_shape, likelihood, num_classes):
        super().__init__(image_shape, num_classes)
        self.likelihood = likelihood or Categorical(256)
        if isinstance(self.likelihood, Normal | ContinuousBernoulli):
            raise UserError(
                f"{type(self.likelihood).__name__} is a density, but an autoregressive model needs "
                "a likelihood of levels: Bernoulli, Categorical or DiscretizedLogisticMixture."
            )
        self.groups = 1 if self.likelihood.joint_channels else self.image_shape[-1]
        self._fast_score = self._score
        self._compiled_scan = tf.function(self._scan, jit_compile=True, autograph=False)

    # Scores

    def parameters(self, x, labels=None):
        """Return the likelihood's parameters [b, h, w, p] for images [b, h, w, c] in [-1, 1]."""
        raise NotImplementedError

    def log_prob(self, images, labels=None):
        images, labels = self._check(images, labels)
        return self._fast_score(to_levels(images, self.likelihood.levels), labels)

    def losses(self, images, labels, noise, training):
        score = self._score if training else self._fast_score
        return {"loss": -score(to_levels(images, self.likelihood.levels), labels)}

    def _score(self, levels, labels):
        x = levels_to_unit(levels, self.likelihood.levels)
        parameters = self.parameters(tf.cast(x, self.compute_dtype), labels)
        return tf.reduce_sum(self.likelihood.log_prob(parameters, levels), axis=[1, 2, 3])

    def adapt(self, images):
        """Start the output at the distribution of the mean training pixel."""
        mean = images.mean(axis=(0, 1, 2), dtype=np.float64) / 255
        self.output_layer.bias.assign(self.likelihood.initial_bias(mean))

    # Sampling

    def noise(self, seeds):
        """Return a uniform number for each pixel and channel, float32 [b, h, w, c]."""
        return random_noise.uniform(seeds, self.image_shape)

    def generate(self, noise, labels=None):
        """Return the images that the uniforms draw, uint8 [b, h, w, c]."""
        return from_levels(self._compiled_scan(noise, labels), self.likelihood.levels)

    def complete(self, images, known_mask, seeds, labels=None):
        """Draw the unknown pixels of images, given the known ones before them in raster order.

        Args:
            images: uint8 [b, h, w, c]; what unknown pixels hold does not matter, if on the grid.
            known_mask: bool [h, w] or [b, h, w], true where the pixel is known.
            seeds: int32 [b].
            labels: of a conditional model.

        Returns uint8 [b, h, w, c], with the known pixels as they were.
        """
        images, labels = self._check(images, labels)
        mask = np.asarray(known_mask)
        shape = (len(images), *self.image_shape[:2])
        if mask.dtype != bool or mask.shape not in (shape, shape[1:]):
            raise UserError(
                f"known_mask must be bool of shape {list(shape[1:])} or {list(shape)}, "
                f"but is {mask.dtype} of shape {list(mask.shape)}."
            )
        if np.shape(seeds) != (len(images),):
            raise UserError(f"seeds must have shape [{len(images)}], one for each image.")
        given = to_levels(images, self.likelihood.levels)
        mask = tf.constant(np.broadcast_to(mask, shape))
        drawn = self._compiled_scan(self.noise(seeds), labels, given, mask)
        return from_levels(drawn, self.likelihood.levels)

    def _scan(self, uniforms, labels=None, given=None, known=None):
        return scan(self, uniforms, labels, given, known)

    def endpoints(self):
        # Without XLA, which not every server has.
        def sample(seeds, labels=None):
            levels = self._scan(self.noise(seeds), labels)
            return {"images": from_levels(levels, self.likelihood.levels)}

        def log_prob(images, labels=None):
            levels = to_levels(images, self.likelihood.levels)
            return {"log_prob": self._score(levels, labels)}

        endpoints = super().endpoints()
        return {
            "sample": (sample, endpoints["sample"][1]),
            "log_prob": (log_prob, endpoints["log_prob"][1]),
        }

    # Pieces of the scan that all of them have

    def _first_rows(self, layer, batch):
        """Return the image rows above the first that `layer` looks at: zeros, as its padding."""
        width, channels = self.image_shape[1:]
        return tf.zeros([batch, layer.rows_above, width, channels])

    def _next_rows(self, rows, levels):
        """Return image rows [b, k, w, c] with the one just drawn, levels [w, b, c], below them."""
        row = levels_to_unit(tf.transpose(levels, [1, 0, 2]), self.likelihood.levels)
        return tf.concat([rows[:, 1:], row[:, None]], axis=1)

    def _as_input(self, levels):
        """Return levels [b, n] of a pixel's channels as network input."""
        return levels_to_unit(levels, self.likelihood.levels)

    def _head_at_pixel(self, x, xs, hidden, group):
        """Run the head on a group of maps [b, n] at one pixel; the lists keep the groups so far."""
        xs.append(tf.nn.relu(x))
        hidden.append(tf.nn.relu(self.head.centre(xs, group, self.head.bias_of(None))))
        return self.output_layer.centre(hidden, group, self.output_layer.bias_of(None))


def columns_first(maps):
    """Bring maps of a row [b, w, n] into the scan's layout [w, b, n]."""
    return tf.transpose(maps, [1, 0, 2])
