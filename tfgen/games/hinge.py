"""The hinge game (Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957).

    D:  max(0, 1 - D(x)) + max(0, 1 + D(G(z)))      G:  -D(G(z))        (equations 16 and 17)

D spends its strength on the images that it has not yet told apart by a margin. Miyato et al. play
it with a spectrally normalised discriminator.
"""

import keras
import tensorflow as tf

from tfgen.games.base import Game


@keras.saving.register_keras_serializable(package="tfgen")
class Hinge(Game):
    """A margin of 1 on both sides."""

    def discriminator_loss(self, real, fake):
        return tf.nn.relu(1 - real) + tf.nn.relu(1 + fake)

    def generator_loss(self, real, fake):
        return -fake
