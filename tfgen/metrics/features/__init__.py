"""Numbers in which images are compared: `extract(images, features)` gives them, [n, d].

pixels       raw pixels in [-1, 1], which see a shifted image as another one
classifier   the last hidden layer of a classifier of digits, for grey images of 28x28
inception    Inception-v3 of keras.applications, for all images; its weights are downloaded

A figure depends on its features, so figures of different ones never compare.
"""

import numpy as np

from tfgen.metrics.features.digit_classifier import IMAGE_SHAPE, digit_features
from tfgen.metrics.features.inception import inception_features
from tfgen.metrics.inputs import whole_images
from tfgen.names import unknown

MAX_PIXELS = 16_384

KINDS = {
    "pixels": ("raw pixels", lambda images: images.reshape(len(images), -1) / 127.5 - 1),
    "classifier": ("MNIST classifier", digit_features),
    "inception": ("Inception-v3", inception_features),
}


def check_kind(kind):
    """Raise `UserError` unless `kind` is one of the features."""
    if kind not in KINDS:
        raise unknown("features", kind, KINDS)


def suited(image_shape):
    """Return the features that need no network for images of a shape; None if there are none."""
    if tuple(image_shape) == IMAGE_SHAPE:
        return "classifier"
    return "pixels" if np.prod(image_shape) <= MAX_PIXELS else None


def title(kind):
    """Return the name of features as figures bear it."""
    check_kind(kind)
    return KINDS[kind][0]


def extract(images, kind):
    """Return the features [n, d] of images uint8 [n, h, w, c].

    Raises `UserError` for unknown features, for what `whole_images` refuses, for images that the
    features cannot take, and where Inception's weights cannot be had.
    """
    check_kind(kind)
    return KINDS[kind][1](whole_images(images))
