"""What every game of a GAN offers."""

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.values import Value


class Game(Value):
    """What the two players minimise; plain values, their constructor's arguments.

    A game of your own is a subclass with the two losses, and perhaps a penalty. What its
    constructor takes it keeps in attributes of the same names. So that `load_model` finds it, it
    is decorated with `keras.saving.register_keras_serializable()`, and its module imported; else
    it goes to `load_model` in `custom_objects`.

    Logits are float32 [b], the discriminator's outputs D(x) for training images x and D(G(z)) for
    generated ones; row k of both belongs to the label of row k.

    Attributes:
        compares: whether only differences of logits count, so that a bias of the output would be
            moved by nothing but rounding.
        pairs: whether the generator, too, looks at the logits of training images.
        boundary: the logit of an image that could be either, where single logits count.
    """

    compares = False
    pairs = False
    boundary = 0.0

    @property
    def penalized(self):
        """Whether the discriminator pays a `penalty`: in a game that has one of its own."""
        return type(self).penalty is not Game.penalty

    def discriminator_loss(self, real, fake):
        """Return what the discriminator minimises, float32 [b], from logits [b]."""
        raise NotImplementedError

    def generator_loss(self, real, fake):
        """Return what the generator minimises, float32 [b], from logits [b].

        Unless the game `pairs`, `real` may be None.
        """
        raise NotImplementedError

    def penalty(self, discriminator, real, fake, noise):
        """Return what the discriminator pays for its slope, float32 [b].

        Args:
            discriminator: a function from images to logits [b].
            real, fake: the images that the loss is of, `Judged` by the discriminator.
            noise: the `StepNoise` to draw from.
        """
        return tf.zeros_like(real.logits)

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
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        ]
        if self.penalized and mixed:
            raise UserError(
                f"{type(self).__name__} penalises the discriminator's gradient at each image, but "
                f"batch normalisation ({mixed[0]}) mixes the images of a batch; take a "
                "discriminator without it."
            )


class Judged:
    """Images and the discriminator's logits, whose slope comes from the same pass.

    Attributes: images: float32 [b, h, w, c] in [-1, 1]; logits: float32 [b].
    """

    def __init__(self, discriminator, images):
        self.images = images
        with tf.GradientTape(watch_accessed_variables=False) as self._tape:
            self._tape.watch(images)
            self.logits = discriminator(images)

    def squared_slope(self):
        """Return the squared norm of dD(x)/dx for each image, float32 [b]; to be asked for once."""
        # The sum's gradient is each image's own, since no image has a part in another's logit.
        slope = self._tape.gradient(self.logits, self.images)
        return tf.reduce_sum(tf.square(slope), axis=[1, 2, 3])
