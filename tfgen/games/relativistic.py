"""The relativistic pairing game with R1 and R2 (R3GAN, Huang et al. 2025, arXiv:2501.05441).

    D:  softplus(-(D(x) - D(G(z)))) + gamma/2 (R1 + R2)
    G:  softplus(-(D(G(z)) - D(x)))

    R1 = |dD(x)/dx|^2 at training images,  R2 the same at generated ones

D scores an image against another, not against a fixed boundary (Jolicoeur-Martineau 2018,
arXiv:1807.00734), which leaves no gain in dropping modes; with both penalties the game converges
near its solution, and needs neither normalisation nor other tricks.
"""

import keras
import tensorflow as tf

from tfgen.errors import check_numbers
from tfgen.games.base import Game


@keras.saving.register_keras_serializable(package="tfgen")
class Relativistic(Game):
    """Pairs of images; each row's real and generated image are one pair.

    Args:
        gamma: weight of the penalties, 0 or above, else `UserError` is raised; 0: none.
    """

    compares = True
    pairs = True

    def __init__(self, gamma=1.0):
        check_numbers("[0, inf)", gamma=gamma)
        self.gamma = float(gamma)

    @property
    def penalized(self):
        return self.gamma > 0

    def discriminator_loss(self, real, fake):
        return tf.nn.softplus(-(real - fake))

    def generator_loss(self, real, fake):
        return tf.nn.softplus(-(fake - real))

    def penalty(self, discriminator, real, fake, noise):
        if not self.penalized:
            return super().penalty(discriminator, real, fake, noise)
        return self.gamma / 2 * (real.squared_slope() + fake.squared_slope())
