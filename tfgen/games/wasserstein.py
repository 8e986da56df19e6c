"""The Wasserstein game with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028).

    D:  D(G(z)) - D(x) + penalty (|dD(y)/dy| - 1)^2,    y = a x + (1 - a) G(z),  a ~ U(0, 1)
    G:  -D(G(z))

A critic D of slope at most 1 estimates the distance of Wasserstein between the two distributions;
the penalty asks for slope 1 between them, on one random point for each pair of images. The paper
lets the critic move five times for each move of the generator (`n_critic=5`).
"""

import keras
import tensorflow as tf

from tfgen.errors import check_numbers
from tfgen.games.base import Game, Judged

EPSILON = 1e-12  # inside the root, whose own slope at zero is infinite


@keras.saving.register_keras_serializable(package="tfgen")
class Wasserstein(Game):
    """A critic, not a judge: its outputs are no log-odds.

    Args:
        penalty: weight of the gradient penalty, above 0; else `UserError` is raised.
    """

    compares = True

    def __init__(self, penalty=10.0):
        check_numbers("(0, inf)", penalty=penalty)
        self.weight = float(penalty)

    def get_config(self):
        return {"penalty": self.weight}  # the attribute of that name is the method

    def discriminator_loss(self, real, fake):
        return fake - real

    def generator_loss(self, real, fake):
        return -fake

    def penalty(self, discriminator, real, fake, noise):
        a = noise.uniform([tf.size(real.logits), 1, 1, 1])
        between = Judged(discriminator, a * real.images + (1 - a) * fake.images)
        slope = tf.sqrt(between.squared_slope() + EPSILON)
        return self.weight * tf.square(slope - 1)
