"""A small convolutional classifier whose last hidden layer gives 128 features.

    [conv 3x3, batch normalisation, relu, max-pool 2] with 16, 32 and 64 channels
    dense 128, relu    <- the features
    dense              <- the logits

The one that ships with the package was trained on MNIST by `tfgen.metrics.features.train`.
"""

import functools
import hashlib
import json
import pathlib

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tfgen.errors import UserError
from tfgen.metrics.inputs import whole_images

IMAGE_SHAPE = (28, 28, 1)
WEIGHTS = pathlib.Path(__file__).with_name("mnist_classifier.keras")
FEATURES = 128
BATCH_SIZE = 500


def digit_features(images):
    """Return the shipped classifier's features of grey images, float32 [n, 128].

    Args: images: uint8 [n, 28, 28, 1].

    The images of a model of two levels, black or white, are passed as they are, though the
    classifier was trained on grey ones: it still names most digits (96.3 % against 99.4 %, see
    `mnist_classifier.json`), but its features differ from those of grey images. They compare black
    and white samples with black and white images, and never with grey ones.
    """
    return _batched(_shipped_parts()[0], _checked(images))


def digit_classes(images):
    """Return the shipped classifier's classes of images uint8 [n, 28, 28, 1], int64 [n]."""
    return predicted_classes(_shipped_parts()[1], _checked(whole_images(images)))


def predicted_classes(model, images):
    """Return the likeliest classes by a classifier of images uint8 [n, h, w, c], int64 [n]."""
    return np.argmax(_batched(model, images), axis=1)


def build(image_shape, num_classes, seed=0):
    """Return a new classifier, pixels in 0..255 to logits, which Keras alone can load."""
    seeds = iter(range(seed * 100, seed * 100 + 100))

    def start():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    x = inputs = keras.Input(image_shape)
    x = keras.layers.Rescaling(1 / 127.5, -1)(x)
    for channels in (16, 32, 64):
        x = keras.layers.Conv2D(
            channels, 3, padding="same", use_bias=False, kernel_initializer=start()
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D(padding="same")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.3, seed=next(seeds))(x)
    x = keras.layers.Dense(FEATURES, "relu", kernel_initializer=start(), name="features")(x)
    x = keras.layers.Dropout(0.3, seed=next(seeds))(x)
    logits = keras.layers.Dense(num_classes, kernel_initializer=start(), name="logits")(x)
    return keras.Model(inputs, logits)


def fit(
    model, images, labels, *, epochs, shift, batch_size=128, learning_rate=2e-3, seed=0, done=None
):
    """Train a classifier by Adam with a cosine decay to zero.

    Args:
        model: of `build`.
        images: uint8 [n, h, w, c].
        labels: int [n].
        epochs: passes over the images.
        shift: each image is moved anew in each epoch by up to so many pixels in each direction.
        batch_size: images a step.
        learning_rate: the first one.
        seed: of the order and the shifts.
        done: called with the number of each finished epoch.
    """
    rng = np.random.default_rng(seed)
    steps = epochs * -(-len(images) // batch_size)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        moved = shifted(images[order], shift, rng)
        model.fit(moved, labels[order], batch_size, shuffle=False, verbose=0)
        if done:
            done(epoch)


def shifted(images, most, rng):
    """Move each image by up to `most` pixels up or down and left or right; black comes in."""
    n, height, width, _ = images.shape
    padded = np.pad(images, [(0, 0), (most, most), (most, most), (0, 0)])
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = rng.integers(0, 2 * most + 1, [2, n])
    return np.moveaxis(windows[np.arange(n), down, right], 1, -1)


@functools.cache
def _shipped_parts():
    """Return the shipped network up to its features, and the whole, after verifying it."""
    about = json.loads(WEIGHTS.with_suffix(".json").read_text())
    if hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() != about["sha256"]:
        raise UserError(
            f"{WEIGHTS} is changed or corrupt (its SHA-256 is not that of "
            f"{WEIGHTS.with_suffix('.json').name}); install tfgen again."
        )
    whole = keras.models.load_model(WEIGHTS, compile=False)
    return keras.Model(whole.input, whole.get_layer("features").output), whole


def _checked(images):
    if images.shape[1:] != IMAGE_SHAPE:
        shape = "x".join(map(str, images.shape[1:]))
        raise UserError(
            f"the classifier of digits takes uint8 images of 28x28x1, but these are of {shape}; "
            "take raw pixels or Inception features for them."
        )
    return images


def _batched(model, images):
    return model.predict(np.asarray(images), batch_size=BATCH_SIZE, verbose=0)
