"""The game of Goodfellow et al. (2014, arXiv:1406.2661), as written and in its working form.

    min_G max_D   E_x [log D(x)] + E_z [log(1 - D(G(z)))]                       (equation 1)

Here D(x) = sigmoid(l) of a logit l, so log D = -softplus(-l) and log(1 - D) = -softplus(l).
"""

import keras
import tensorflow as tf

from tfgen.games.base import Game


@keras.saving.register_keras_serializable(package="tfgen")
class Minimax(Game):
    """Equation 1 itself: while D wins, the gradient of G's log(1 - D(G(z))) vanishes."""

    def discriminator_loss(self, real, fake):
        return tf.nn.softplus(-real) + tf.nn.softplus(fake)  # -[log D(x) + log(1 - D(G(z)))]

    def generator_loss(self, real, fake):
        return -tf.nn.softplus(fake)  # log(1 - D(G(z)))


@keras.saving.register_keras_serializable(package="tfgen")
class NonSaturating(Minimax):
    """The paper's remedy: G maximises log D(G(z)), which has the same fixed point."""

    def generator_loss(self, real, fake):
        return tf.nn.softplus(-fake)  # -log D(G(z))
