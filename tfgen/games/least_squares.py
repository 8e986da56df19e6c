"""The least-squares game (Mao et al. 2016, arXiv:1611.04076).

    D:  1/2 (D(x) - 1)^2 + 1/2 D(G(z))^2            G:  1/2 (D(G(z)) - 1)^2     (equation 9)

An image on the right side of the boundary but far from it still has a gradient.
"""

import keras
import tensorflow as tf

from tfgen.games.base import Game


@keras.saving.register_keras_serializable(package="tfgen")
class LeastSquares(Game):
    """Real images are to score 1 and generated ones 0."""

    boundary = 0.5

    def discriminator_loss(self, real, fake):
        return (tf.square(real - 1) + tf.square(fake)) / 2

    def generator_loss(self, real, fake):
        return tf.square(fake - 1) / 2
