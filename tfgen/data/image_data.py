"""A data set as the models see it: batches whose content follows from (seed, step) alone."""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, check_counts
from tfgen.images import graph_mistakes_told, quantize

# Validation and test images of two levels are drawn once, from this seed, the split and the
# image's index, so that a figure on them is the figure of one fixed set of images. Grey samples
# are drawn as if they were one more split.
BINARIZATION_SEED = 20_130_815
SPLITS = ("train", "validation", "test")


class ImageData:
    """Images of one shape in three splits, on the grid of `levels` levels.

    Attributes:
        name: of the data set or folder.
        image_shape: (height, width, channels).
        class_names: of the labels; empty for unlabelled images.
        num_classes: their number.
        levels: size of the grid; see `tfgen.data.load`.
        limit: the most images that each split was allowed to have, or None.
        where: a sentence on whether images are held in memory or streamed.
    """

    def __init__(self, name, image_shape, class_names, splits, where, levels=256, limit=None):
        check_counts(minimum=2, maximum=256, levels=levels)
        self.name = name
        self.image_shape = tuple(image_shape)
        self.class_names = tuple(class_names)
        self.num_classes = len(self.class_names)
        self.where = where
        self.levels = levels
        self.limit = limit
        self._splits = splits

    def at_levels(self, levels):
        """Return the same images on the grid of another number of levels, as an `ImageData`."""
        about = self.name, self.image_shape, self.class_names, self._splits, self.where
        return ImageData(*about, levels, self.limit)

    def size(self, split):
        """Return the number of images of a split."""
        return self._split(split).size

    def is_all(self, split, n):
        """Tell whether n images are all that the data set's split has, `limit` or not."""
        size = self.size(split)
        return n == size and (self.limit is None or size < self.limit)

    def train_batches(self, batch_size, *, seed=0, start_step=0):
        """Return an infinite dataset of (images uint8 [b, h, w, c], labels int32 [b]).

        Element s is a function of (seed, s) alone: `train_batches(start_step=k)` goes on where k
        batches would have led. Every epoch is a new permutation, and batches run on across epochs.
        """
        split = self._split("train")
        if not split.size:
            raise UserError(f"dataset '{self.name}' has no training images.")

        def prepare(step, images, labels):
            if self.levels == 2:
                noise = tf.random.stateless_uniform(
                    tf.shape(images), tf.stack([tf.cast(step, tf.int32), seed])
                )
                white = noise * 255 < tf.cast(images, tf.float32)
                images = tf.where(white, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
            elif self.levels < 256:
                images = tf.gather(self._nearest(), tf.cast(images, tf.int32))
            return tf.ensure_shape(images, [batch_size, *self.image_shape]), labels

        steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
        batches = split.train_batches(batch_size, seed, start_step)
        zipped = tf.data.Dataset.zip(steps, batches)
        prepared = zipped.map(lambda step, batch: prepare(step, *batch), num_parallel_calls=2)
        return _unsharded(prepared)

    def batches(self, split, batch_size):
        """Return one pass in order: (images, labels, weights float32 [b]).

        Every batch is full; the last is padded with images of weight 0, so that each image counts
        once.
        """
        size = self.size(split)
        if not size:
            raise UserError(f"dataset '{self.name}' has no images in its split '{split}'.")
        if batch_size < 1:
            raise UserError(f"batch_size must be at least 1, but is {batch_size}.")

        def fixed(start, images, labels):
            images = tf.numpy_function(
                lambda first, pixels: self._fixed(split, first, pixels), [start, images], tf.uint8
            )
            missing = batch_size - tf.shape(images)[0]
            images = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
            labels = tf.pad(labels, [[0, missing]])
            weights = tf.pad(tf.ones([batch_size - missing]), [[0, missing]])
            return (
                tf.ensure_shape(images, [batch_size, *self.image_shape]),
                tf.ensure_shape(labels, [batch_size]),
                tf.ensure_shape(weights, [batch_size]),
            )

        starts = tf.data.Dataset.range(0, size, batch_size)
        ordered = tf.data.Dataset.zip(starts, self._split(split).in_order(batch_size))
        return _unsharded(ordered.map(lambda start, batch: fixed(start, *batch)))

    def images(self, split, limit=None):
        """Return the first `limit` images of a split (all if None), numpy uint8 [n, h, w, c]."""
        return self._first(split, limit)[0]

    def labels(self, split, limit=None):
        """Return the first `limit` labels of a split (all if None), numpy int32 [n]."""
        return self._first(split, limit)[1]

    def missing_classes(self, split):
        """Return the names of the classes that a split lacks, as far as its labels are at hand."""
        labels = getattr(self._split(split), "labels", None)
        if labels is None:
            return []
        seen = set(np.unique(labels))
        return [name for label, name in enumerate(self.class_names) if label not in seen]

    def drawn(self, samples, first_seed):
        """Return samples uint8 [n, h, w, c] as images of this data set are made.

        Where there are two levels, a grey pixel is white with its brightness as probability: that
        made the images binary, and that is what a VAE's mean image says of a pixel. Other samples
        stay as they are.
        """
        return _binarized(samples, len(SPLITS), first_seed) if self.levels == 2 else samples

    @graph_mistakes_told()
    def _first(self, split, limit):
        limit = self.size(split) if limit is None else min(limit, self.size(split))
        images, labels = [], []
        for batch, label, weight in self.batches(split, 256):
            keep = weight.numpy() > 0
            images.append(batch.numpy()[keep])
            labels.append(label.numpy()[keep])
            if sum(map(len, images)) >= limit:
                break
        return np.concatenate(images)[:limit], np.concatenate(labels)[:limit]

    def _split(self, split):
        if split not in self._splits:
            names = ", ".join(self._splits)
            raise UserError(f"dataset '{self.name}' has no split '{split}'; it has {names}.")
        return self._splits[split]

    def _nearest(self):
        return tf.constant(quantize(np.arange(256, dtype=np.uint8), self.levels))

    def _fixed(self, split, first, images):
        """Bring images first, first + 1, ... of a split onto the grid, always in the same way."""
        if self.levels == 256:
            return images
        if self.levels > 2:
            return quantize(images, self.levels)
        return _binarized(images, SPLITS.index(split), int(first))


def _binarized(images, stream, first):
    """Return images first, first + 1, ... of a stream in black and white, drawn by brightness."""
    binary = np.empty_like(images)
    for row, image in enumerate(images):
        rng = np.random.default_rng([BINARIZATION_SEED, stream, first + row])
        noise = rng.random(image.shape, dtype=np.float32)
        binary[row] = np.where(noise * 255 < image, 255, 0)
    return binary


class IndexedSplit:
    """A split whose images can be had by index: arrays in memory, or files read when needed.

    Args: size: number of images; gather: int64 indices [b] -> (uint8 images, int32 labels);
        labels: of all images, numpy int [size], where they are at hand.
    """

    def __init__(self, size, gather, labels=None):
        self.size = size
        self.labels = labels
        self._gather = gather

    @classmethod
    def in_memory(cls, images, labels):
        every, of_every = tf.constant(images), tf.constant(labels, tf.int32)
        return cls(
            len(images), lambda rows: (tf.gather(every, rows), tf.gather(of_every, rows)), labels
        )

    def train_batches(self, batch_size, seed, start_step):
        def batch(step):
            position = step * batch_size + tf.range(batch_size, dtype=tf.int64)
            epoch = tf.cast(position // self.size, tf.int32)
            seeds = tf.stack([tf.fill([batch_size], seed), epoch, tf.zeros_like(epoch)], axis=1)
            # The raw op, since tf.random.experimental.index_shuffle takes one seed only.
            index = tf.raw_ops.RandomIndexShuffle(
                index=position % self.size,
                seed=seeds,
                max_index=tf.constant(self.size - 1, tf.int64),
                rounds=4,
            )
            return self._gather(index)

        steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
        return steps.map(batch, num_parallel_calls=2, deterministic=True)

    def in_order(self, batch_size):
        starts = tf.data.Dataset.range(0, self.size, batch_size)
        return starts.map(
            lambda start: self._gather(
                tf.range(start, tf.minimum(start + batch_size, self.size), dtype=tf.int64)
            )
        )


class StreamedSplit:
    """A split too large for memory, read in order; a buffer of bounded size shuffles it.

    Going on at a later step reads past what was used of that epoch, which takes time but no memory.

    Args: size: number of images; elements: () -> dataset of (uint8 image, int32 label) in order;
        buffer: how many images the shuffle holds.
    """

    def __init__(self, size, elements, buffer):
        self.size = size
        self._elements = elements
        self._buffer = buffer

    def train_batches(self, batch_size, seed, start_step):
        first_epoch, done = divmod(start_step * batch_size, self.size)
        elements = self._elements()

        def shuffled(epoch):
            # Within this function's graph only: a global seed would have its say in the order, and
            # cannot be combined with a seed that is a tensor.
            tf.random.set_seed(None)
            return elements.shuffle(self._buffer, seed=epoch * 1_000_003 + seed)

        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return epochs.flat_map(shuffled).skip(done).batch(batch_size, drop_remainder=True)

    def in_order(self, batch_size):
        return self._elements().batch(batch_size)


def _unsharded(dataset):
    options = tf.data.Options()
    # Batches are global: a strategy splits each over its replicas, never the data set.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # There is nothing to tune here, and the end of every pass would wait until the tuner's thread
    # looks up again, which takes as long as the pass has lasted, up to a minute.
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(4)
