"""Differentiable augmentation (Zhao et al. 2020, arXiv:2006.10738).

A discriminator that sees few training images soon knows them by heart. Augmenting those alone
would teach the generator the augmentations; so a random transformation T stands before D wherever
it sees an image, a training one or a generated one, in its own moves and, as T is differentiable,
in the generator's:

    D:  D(T(x)), D(T(G(z)))             G:  D(T(G(z))), with the gradient through T

    color         brightness + U(-1/2, 1/2), saturation x U(0, 2), contrast x U(1/2, 3/2)
    translation   by up to 1/8 of each side, whole pixels; what comes in is grey
    cutout        a grey rectangle of half of each side, its centre anywhere

Grey is 0, the middle of [-1, 1]. The saturation of a grey image is what it was. In the paper every
image goes through all of the policy; here each transformation takes an image with a probability, as
in `adaptive`.
"""

from collections.abc import Iterable

import keras
import tensorflow as tf

from tfgen.errors import UserError, check_numbers
from tfgen.names import unknown
from tfgen.values import Value

# Each maps images [b, h, w, c] by uniform numbers u [b, 2] of the images.


def brightness(images, u):
    return images + (_of_image(u[:, 0]) - 0.5)


def saturation(images, u):
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    return grey + 2 * _of_image(u[:, 0]) * (images - grey)


def contrast(images, u):
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return mean + (_of_image(u[:, 0]) + 0.5) * (images - mean)


def translation(images, u):
    for axis in (1, 2):
        size = images.shape[axis]
        reach = (size + 4) // 8
        source = tf.range(size) + reach - _whole(u[:, axis - 1, None], 2 * reach + 1)
        images = tf.gather(images, tf.clip_by_value(source, 0, size - 1), axis=axis, batch_dims=1)
        images = tf.where(_on_side(axis, (source >= 0) & (source < size)), images, 0.0)
    return images


def cutout(images, u):
    cut = True
    for axis in (1, 2):
        size = images.shape[axis]
        length = (size + 1) // 2
        centre = _whole(u[:, axis - 1, None], size + 1 - length % 2)
        places = tf.range(size) + length // 2 - centre
        cut &= _on_side(axis, (places >= 0) & (places < length))
    return tf.where(cut, 0.0, images)


POLICIES = {
    "color": (brightness, saturation, contrast),
    "translation": (translation,),
    "cutout": (cutout,),
}


@keras.saving.register_keras_serializable(package="tfgen")
class DifferentiableAugmentation(Value):
    """Random transformations of images; plain values, their constructor's arguments.

    Args:
        probability: with which each transformation takes an image; 0: none, 1: as in the paper.
        policy: which transformations, names of `POLICIES`, in their order.
    """

    def __init__(self, probability=1.0, policy=tuple(POLICIES)):
        check_numbers("[0, 1]", probability=probability)
        if not isinstance(policy, Iterable):
            raise UserError(
                f"policy must be names of augmentations, such as {tuple(POLICIES)}, but is "
                f"{policy!r}."
            )
        policy = (policy,) if isinstance(policy, str) else tuple(policy)
        wrong = [name for name in policy if name not in POLICIES]
        if wrong:
            raise unknown("augmentation", wrong[0], POLICIES)
        self.probability = float(probability)
        self.policy = policy

    def augment(self, images, probability, noise):
        """Return images, float32 [b, h, w, c] in [-1, 1], as the discriminator sees them.

        Args:
            images: float32 [b, h, w, c] in [-1, 1]; may leave it, as transformed ones may.
            probability: the current one, a float scalar.
            noise: the `StepNoise` to draw from; each image has its own.

        An image that no transformation takes is returned as it was, bit for bit.
        """
        for name in self.policy:
            for transformation in POLICIES[name]:
                u = noise.uniform([tf.shape(images)[0], 3])
                takes = _of_image(u[:, 0] < probability)
                images = tf.where(takes, transformation(images, u[:, 1:]), images)
        return images


def _of_image(values):
    """Let values [b] of images stand for all of an image's pixels."""
    return values[:, None, None, None]


def _on_side(axis, places):
    """Let places [b, size] of the rows (axis 1) or the columns (axis 2) stand for their pixels."""
    return places[:, :, None, None] if axis == 1 else places[:, None, :, None]


def _whole(u, n):
    """Return the integers in 0..n-1 that uniform numbers in [0, 1) pick."""
    return tf.cast(u * n, tf.int32)
