"""What every game of a GAN offers."""

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.values import Value


class Game(Value):
    """What the two players minimise; plain values, their constructor's arguments.

    Logits are float32 [b], the discriminator's outputs D(x) for training images x and D(G(z)) for
    generated ones; row k of both belongs to the label of row k.

    Attributes:
        compares: whether only differences of logits count, so that a bias of the output would be
            moved by nothing but rounding.
        boundary: the logit of an image that could be either, where single logits count.
    """

    compares = False
    boundary = 0.0

    @property
    def penalized(self):
        """Whether the discriminator pays a `penalty`."""
        return False

    def discriminator_loss(self, real, fake):
        """Return what the discriminator minimises, float32 [b], from logits [b]."""
        raise NotImplementedError

    def generator_loss(self, real, fake):
        """Return what the generator minimises, float32 [b], from logits [b]."""
        raise NotImplementedError

    def penalty(self, discriminator, real, fake, noise):
        """Return what the discriminator pays for its slope, float32 [b].

        Args:
            discriminator: a function from images to logits [b].
            real, fake: images, float32 [b, h, w, c] in [-1, 1].
            noise: the `StepNoise` to draw from.
        """
        return tf.zeros_like(real[:, 0, 0, 0])

    def verdict(self, real, fake):
        """Return 1 where the discriminator knows a training image for one, else -1, float32 [b].

        The sign of D(x); where only differences count, that of D(x) - D(G(z)).
        """
        return tf.sign(real - (fake if self.compares else self.boundary))

    def check(self, discriminator):
        """Raise `UserError` unless the game can be played with the network `discriminator`."""
        mixed = [
            layer.name
            for layer in discriminator._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        if self.penalized and mixed:
            raise UserError(
                f"{type(self).__name__} penalises the discriminator's gradient at each image, but "
                f"batch normalisation ({mixed[0]}) mixes the images of a batch; take a "
                "discriminator without it."
            )


def squared_slope(discriminator, images):
    """Return the squared norm of dD(x)/dx for each image, float32 [b]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = discriminator(images)
    # The sum's gradient is each image's own, since no image has a part in another's logit.
    slope = tf.cast(tape.gradient(logits, images), tf.float32)
    return tf.reduce_sum(tf.square(slope), axis=[1, 2, 3])
