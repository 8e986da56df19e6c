"""Adaptive augmentation (ADA, Karras et al. 2020, arXiv:2006.06676).

How much augmentation a set of images needs shows in training. A discriminator that has learnt them
by heart is sure of them, so the probability p of each transformation follows

    r = E[sign(D(x))]                                                           (equation 1)

over the training images of a move: 0 where D guesses, 1 where it is always right. p grows by a
fixed amount an image while r lies above a target, and falls below it.

A game that compares has no logit of which the sign could be taken (`Game.verdict`): there r is the
mean of sign(D(x) - D(G(z))), with the same ends 0 and 1. R3GAN's authors report that number, but
let p follow a schedule. Two images tell more than one: where logits are normal with one spread,
r = 0.6 of single images is r = 0.77 of pairs, so the target is best set higher there.

The paper looks at r every four batches, here each move does; its set of 18 transformations is here
that of `differentiable`.
"""

import keras
import tensorflow as tf

from tfgen.augmentation.differentiable import POLICIES, DifferentiableAugmentation
from tfgen.errors import check_numbers


@keras.saving.register_keras_serializable(package="tfgen")
class AdaptiveAugmentation(DifferentiableAugmentation):
    """Random transformations of images whose probability follows the discriminator.

    Args:
        target: of r, in -1..1; the paper's. Of a game that compares, .77 asks for as much.
        images: training images in which p could go from 0 to 1.
        probability: the first p.
        policy: see `DifferentiableAugmentation`.
    """

    def __init__(self, target=0.6, images=500_000, probability=0.0, policy=tuple(POLICIES)):
        super().__init__(probability, policy)
        check_numbers("(-1, 1)", target=target)
        check_numbers("(0, inf]", images=images)
        self.target = float(target)
        self.images = images

    def adapted(self, probability, r, images):
        """Return p after a move on so many training images, a scalar, of the mean verdict r."""
        step = tf.sign(r - self.target) * tf.cast(images, tf.float32) / self.images
        return tf.clip_by_value(probability + step, 0.0, 1.0)
