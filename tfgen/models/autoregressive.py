"""What the autoregressive models share: exact scores, cached sampling, completion.

A subclass gives `network(x, labels, noise)`, the parallel pass, and the same network once more as
the steps of a raster scan (`sampling.raster`), whose maps are [b, n] at a pixel and [w, b, n] in a
row:

    start(batch, labels)                 -> state above the first row
    row(state)                           -> (state, columns, left): columns a nest of [w, b, ...],
                                            what each pixel needs; left, what stands left of the
                                            first one
    pixel(column, left, draw)            -> (levels [b, c], next left, features)
    finish_row(state, features, levels)  -> state; features a nest of [w, b, n], levels [w, b, c]
    feature_sizes()                      -> the nest of the features' sizes n
"""

import concurrent.futures
import functools

import numpy as np
import tensorflow as tf

from tfgen import hardware
from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.images import check_labels, from_levels, levels_to_unit, to_levels
from tfgen.likelihoods import Categorical
from tfgen.likelihoods.base import Likelihood
from tfgen.models.base import TractableModel, in_few_sizes
from tfgen.sampling import noise as random_noise
from tfgen.sampling.portable import portable
from tfgen.sampling.raster import scan
from tfgen.values import check_value
from tfgen.xla import under_xla

IMAGES_A_THREAD = 8  # fewer are not worth a thread
COLDEST = 1e-6  # temperature; below it, logits overflow and nothing changes any more


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
        check_value(self.likelihood, Likelihood, "likelihood", "tfgen.likelihoods.Bernoulli()")
        if self.likelihood.is_density:
            raise UserError(
                f"{type(self.likelihood).__name__} is a density, but an autoregressive model needs "
                "a likelihood of levels: Bernoulli, Categorical or DiscretizedLogisticMixture."
            )
        self.groups = 1 if self.likelihood.joint_channels else self.image_shape[-1]
        self._fast_score = functools.partial(self._score, network=self.fast_network)
        self._compiled_scan = under_xla(self.scan)
        self._compiled_fill = tf.function(self._fill, autograph=False)

    # Scores

    def network(self, x, labels=None, noise=None):
        """Return (parameters, features) for images x [b, h, w, c] in [-1, 1], in one pass.

        Parameters [b, h, w, p] are the likelihood's; features, a nest of [b, h, w, n], are what the
        pixels of a row leave to the rows below. A model with dropout draws it from `noise`, the
        `StepNoise` of a training step, and drops nothing without.
        """
        raise NotImplementedError

    def fast_network(self, x, labels=None, noise=None):
        """Return what `network` returns; XLA may compile parts, so this is not for exports."""
        return self.network(x, labels, noise)

    def parameters(self, x, labels=None):
        """Return the likelihood's parameters [b, h, w, p] for images [b, h, w, c] in [-1, 1]."""
        return self.network(x, labels)[0]

    def log_prob(self, images, labels=None):
        return tf.reduce_sum(self.log_prob_map(images, labels), axis=[1, 2])

    def log_prob_map(self, images, labels=None):
        """Return the log-probability of each pixel given those before it, float32 [b, h, w].

        In nats; the sum over an image is `log_prob`. A multi-scale model's order is its own: the
        small image's pixels come first.
        """
        images, labels = self._check(images, labels)
        return self._fast_score(to_levels(images, self.likelihood.levels), labels)

    def losses(self, images, labels, noise, training):
        levels = to_levels(images, self.likelihood.levels)
        if training:
            scores = self._score(levels, labels, self.fast_network, noise)
        else:
            scores = self._fast_score(levels, labels)
        return {"loss": -tf.reduce_sum(scores, axis=[1, 2])}

    def _score(self, levels, labels, network, noise=None):
        x = self.as_input(levels)
        parameters, _ = network(tf.cast(x, self.compute_dtype), labels, noise)
        return tf.reduce_sum(self.likelihood.log_prob(parameters, levels), axis=-1)

    def adapt(self, images, labels=None):
        """Start the output at the distribution of the mean training pixel."""
        super().adapt(images, labels)
        mean = images.mean(axis=(0, 1, 2), dtype=np.float64) / 255
        self.output_layer.bias.assign(self.likelihood.initial_bias(mean))

    # Sampling

    def noise(self, seeds):
        """Return a uniform number for each pixel and channel, float32 [b, h, w, c]."""
        return random_noise.uniform(seeds, self.image_shape)

    def generate(self, noise, labels=None, temperature=1.0):
        """Return the images that the uniforms `noise` [b, h, w, c] draw, uint8 [b, h, w, c].

        A `temperature` below 1 sharpens each pixel's distribution, above 1 it flattens it.
        """
        noise = self._checked_noise(noise)
        temperature = _checked_temperature(temperature)
        labels = check_labels(labels, self.num_classes, noise.shape[0] or tf.shape(noise)[0])
        levels = _in_threads(self._compiled_scan, [noise, labels], temperature)
        return from_levels(levels, self.likelihood.levels)

    def sample(self, n, seed=0, labels=None, batch_size=256, temperature=1.0):
        """As `GenerativeModel.sample`, with a `temperature`; see `generate`."""
        return super().sample(n, seed, labels, batch_size, temperature=temperature)

    def complete(
        self, images, known_mask, seeds=None, labels=None, temperature=1.0, batch_size=256
    ):
        """Draw the unknown pixels of images, given those before them in the model's order.

        The first rows, as far as all images know them whole, cost one parallel pass.

        Args:
            images: uint8 [b, h, w, c]; what unknown pixels hold does not matter, if on the grid.
            known_mask: bool [h, w] or [b, h, w], true where the pixel is known.
            seeds: int32 [b]; None: 0, 1, ..
            labels: of a conditional model.
            temperature: see `generate`.
            batch_size: how many images are completed at a time.

        Returns uint8 [b, h, w, c], with the known pixels as they were.
        """
        temperature = _checked_temperature(temperature)
        check_counts(batch_size=batch_size)
        images, labels = self._check(images, labels)
        mask = np.asarray(known_mask)
        shape = (len(images), *self.image_shape[:2])
        if mask.dtype != bool or mask.shape not in (shape, shape[1:]):
            raise UserError(
                f"known_mask must be bool of shape {list(shape[1:])} or {list(shape)}, "
                f"but is {mask.dtype} of shape {list(mask.shape)}."
            )
        seeds = random_noise.check_seeds(seeds, len(images)).numpy()
        given = to_levels(images, self.likelihood.levels).numpy()

        def complete(seeds, *others):
            levels = _in_threads(self._compiled_fill, [self.noise(seeds), *others], temperature)
            return from_levels(levels, self.likelihood.levels)

        rows = [seeds, labels, given, np.broadcast_to(mask, shape)]
        return tf.constant(in_few_sizes(complete, *rows, batch_size=batch_size))

    def _checked_noise(self, noise):
        """Return noise as a tensor, float32 [b, h, w, c]."""
        noise = tf.convert_to_tensor(noise)
        shape = [None, *self.image_shape]
        if not noise.dtype.is_floating or not noise.shape.is_compatible_with(shape):
            raise UserError(
                f"noise must be floats of shape [batch, {', '.join(map(str, self.image_shape))}], "
                f"as the model's `noise` gives them, but is {noise.dtype.name} of shape "
                f"{noise.shape}."
            )
        return tf.cast(noise, tf.float32)

    def scan(self, uniforms, labels, temperature=1.0, **known):
        """Return the levels that the uniforms draw; see `sampling.raster.scan`."""
        return scan(self, uniforms, labels, temperature=temperature, **known)

    def _fill(self, uniforms, labels, given, known, temperature, compiled=True):
        features = self._features(given, labels, known, compiled)
        known = {"given": given, "known": known, "features": features}
        scan = self._compiled_scan if compiled else self.scan
        return scan(uniforms, labels, temperature, **known)

    def _features(self, levels, labels, known, compiled=True):
        """Return what the pixels of whole images leave to the rows below, in one pass.

        Where an image's first row has unknown pixels, nobody looks at these, and they are zeros.
        """

        def found():
            x = self.as_input(levels)
            network = self.fast_network if compiled else self.network
            _, features = network(tf.cast(x, self.compute_dtype), labels)
            return tf.nest.map_structure(lambda maps: tf.cast(maps, tf.float32), features)

        def zeros():
            shape = tf.shape(levels)[:3]
            return tf.nest.map_structure(
                lambda n: tf.zeros(tf.concat([shape, [n]], axis=0)), self.feature_sizes()
            )

        return tf.cond(tf.reduce_all(known[:, 0]), found, zeros)

    # Export

    def portable_fill(self):
        """Return a function for exported graphs, which completes levels.

        It takes uniforms [b, h, w, c], int32 levels [b, h, w, c], bool [b, h, w], true where a
        pixel is known, and the labels [b] of a conditional model; it returns levels.
        """

        def fill(uniforms, given, known, labels=None):
            return self._fill(uniforms, labels, given, known, 1.0, compiled=False)

        shape = (None, *self.image_shape)
        signature = [
            tf.TensorSpec(shape, tf.float32),
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape[:3], tf.bool),
            *self._label_spec(),
        ]
        return portable(fill, signature)

    def endpoints(self):
        levels = self.likelihood.levels
        fill = self.portable_fill()

        def sample(seeds, labels=None):
            # Completed from nothing, so that a server holds and compiles one scan for both.
            uniforms = self.noise(seeds)
            return {"images": from_levels(fill(*nothing_known(uniforms, labels)), levels)}

        def log_prob(images, labels=None):
            scores = self._score(to_levels(images, levels), labels, self.network)
            return {"log_prob": tf.reduce_sum(scores, axis=[1, 2])}

        def complete(images, known_mask, seeds, labels=None):
            rows = _given(self.noise(seeds), to_levels(images, levels), known_mask, labels)
            return {"images": from_levels(fill(*rows), levels)}

        endpoints = super().endpoints()
        images, *labels = endpoints["log_prob"][1]
        mask = tf.TensorSpec([None, *self.image_shape[:2]], tf.bool, name="known_mask")
        seeds = endpoints["sample"][1][0]
        return {
            "sample": (sample, endpoints["sample"][1]),
            "log_prob": (log_prob, endpoints["log_prob"][1]),
            "complete": (complete, [images, mask, seeds, *labels]),
        }

    # Pieces of the scan that most of them have

    def rows_of_zeros(self, layer, batch):
        """Return the rows [w, b, in] above the first that `layer` looks at: zeros, as padding."""
        return [tf.zeros([self.image_shape[1], batch, layer.in_channels])] * layer.rows_above

    def next_rows(self, rows, levels):
        """Return rows of input, [w, b, n] each, with the one just drawn, its levels, below them."""
        return [*rows[1:], self.as_input(levels)]

    def as_input(self, levels):
        """Return levels [..., n] of n channels as network input, float32 [..., n]."""
        return levels_to_unit(levels, self.likelihood.levels)

    def head_at_pixel(self, x, xs, hidden, group):
        """Run the head on a group of maps [b, n] at one pixel; the lists keep the groups so far."""
        xs.append(tf.nn.relu(x))
        hidden.append(tf.nn.relu(self.head.centre(xs, group, self.head.bias_of(None))))
        return self.output_layer.centre(hidden, group, self.output_layer.bias_of(None))


def nothing_known(uniforms, labels):
    """Return the rows from which `portable_fill` draws whole images."""
    blank = tf.zeros_like(uniforms, tf.int32)
    return _given(uniforms, blank, tf.zeros_like(blank[..., 0], tf.bool), labels)


def _given(*rows):
    """Return the rows without the labels that an unconditional model has not."""
    return [row for row in rows if row is not None]


def _checked_temperature(temperature):
    """Return a temperature as a tensor, float32 []."""
    check_numbers("(0, inf)", temperature=temperature)
    return tf.constant(max(temperature, COLDEST), tf.float32)


def _in_threads(function, rows, temperature):
    """Call `function(*rows, temperature)` on parts of the batch at once, a part for each core.

    A scan is a long chain of small products, which one core computes as fast as two.

    Args: rows: tensors with a leading batch dimension, or None.
    """
    batch = rows[0].shape[0]
    if tf.config.list_physical_devices("GPU") or not tf.executing_eagerly():
        return function(*rows, temperature)
    parts = 1
    while 2 * parts <= min(hardware.cores(), batch // IMAGES_A_THREAD) and batch % (2 * parts) == 0:
        parts *= 2
    if parts == 1:
        return function(*rows, temperature)
    rows = [[None] * parts if row is None else tf.split(row, parts) for row in rows]
    with concurrent.futures.ThreadPoolExecutor(parts) as threads:
        done = threads.map(lambda *part: function(*part, temperature), *rows)
        return tf.concat(list(done), axis=0)
