"""The evidence lower bound (Kingma & Welling 2013, arXiv:1312.6114), and three ways to bend it.

    ELBO = E_q [log p(x | z)] - sum_l KL(q(z_l | ..) || p(z_l | ..))

beta        weighs the KL (beta-VAE, Higgins et al. 2017, ICLR).
warm-up     lets beta grow from 0 over the first steps (Sønderby et al. 2016, arXiv:1602.02282).
free bits   a group of latents may cost so many nats for nothing, on the mean of the batch (Kingma
            et al. 2016, arXiv:1606.04934, equation 15).

They act in training alone: what is validated and reported is the ELBO as it is.
"""

import keras
import tensorflow as tf

from tfgen.errors import check_numbers
from tfgen.objectives.base import Objective, growing


@keras.saving.register_keras_serializable(package="tfgen")
class ELBO(Objective):
    """The negative ELBO with one code an image.

    Args:
        beta: weight of the KL.
        warmup_steps: over which it grows to that, in a straight line.
        free_bits: nats that each group z_l may cost for nothing.
    """

    def __init__(self, beta=1.0, warmup_steps=0, free_bits=0.0):
        check_numbers("[0, inf)", beta=beta, warmup_steps=warmup_steps, free_bits=free_bits)
        self.beta = beta
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits

    @property
    def uses_batch(self):
        return self.free_bits > 0

    def losses(self, model, batch, step):
        batch = batch.one_row_a_sample()
        features = model.features(batch.x, batch.labels)
        latents = model.draw(features, batch.epsilon, batch.labels)
        reconstruction = -model.log_likelihood(batch.levels, latents, batch.labels)
        costs = model.divergences(features, latents, batch.labels)
        kl = tf.add_n(costs)
        if step is None:
            return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
        paid = tf.add_n([self._beyond_free(cost) for cost in costs])
        loss = reconstruction + growing(self.beta, self.warmup_steps, step) * paid
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    def warmed_up(self):
        return ELBO(self.beta, 0, self.free_bits)

    def _beyond_free(self, cost):
        """Return KLs [b] whose mean and its gradient are those of max(free_bits, mean KL)."""
        if not self.free_bits:
            return cost
        context = tf.distribute.get_replica_context()
        mean = context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(cost))
        return tf.where(mean > self.free_bits, cost, self.free_bits)
