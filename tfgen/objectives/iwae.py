"""The importance-weighted bound (Burda et al. 2015, arXiv:1509.00519) with the doubly
reparameterised gradient (Tucker et al. 2018, arXiv:1810.04152).

    L_k = E [ log 1/k sum_i w_i ],   w_i = p(x, z_i) / q(z_i | x),   z_i = mean + scale * epsilon_i

With the normalised weights v_i = w_i / sum_j w_j, its gradients are

    theta (of p):   sum_i v_i   d log w_i / d theta
    phi   (of q):   sum_i v_i^2 d log w_i / d z_i  d z_i / d phi

The second, in which log q's own dependence on phi is left out, keeps its signal as k grows, where
the plain gradient of L_k drowns in noise. A variable with a part in both p and q gets both terms.

A step costs some k times that of the ELBO, which is L_1. So training may begin with one code an
image and bring in the others when the ELBO has done its part. And as there, the cost of the codes,
log p(z) - log q(z | x), may get its weight beta over the first steps, so that more latents find a
use; in the second gradient, v_i^2 is then v_i (1 - beta + beta v_i), of log w with its beta.
"""

import math

import keras
import tensorflow as tf

from tfgen.errors import check_counts
from tfgen.objectives.base import Objective, growing, repeat


@keras.saving.register_keras_serializable(package="tfgen")
class IWAE(Objective):
    """The negative importance-weighted bound L_k with k = `num_samples` codes an image.

    Args:
        num_samples: k.
        warmup_steps: of training that draw one code an image.
        kl_warmup_steps: over which the weight of log p(z) - log q(z | x) grows from 0 to 1.
    """

    def __init__(self, num_samples=5, warmup_steps=0, kl_warmup_steps=0):
        check_counts(num_samples=num_samples)
        check_counts(minimum=0, warmup_steps=warmup_steps, kl_warmup_steps=kl_warmup_steps)
        self.num_samples = num_samples
        self.warmup_steps = warmup_steps
        self.kl_warmup_steps = kl_warmup_steps

    def losses(self, model, batch, step):
        features = model.features(batch.x, batch.labels)
        log_weights = model.log_weights(features, batch)
        return {"loss": -_bound(log_weights)}

    def warmed_up(self):
        return IWAE(self.num_samples)

    def gradients(self, model, batch, step):
        beta = growing(1.0, self.kl_warmup_steps, step)
        if not self.warmup_steps:
            return self._gradients(model, batch, beta)
        return tf.cond(
            step < self.warmup_steps,
            lambda: self._gradients(model, batch._replace(epsilon=batch.epsilon[:, :1]), beta),
            lambda: self._gradients(model, batch, beta),
        )

    def _gradients(self, model, batch, beta):
        k, variables = batch.epsilon.shape[1], model.trainable_variables
        rows = batch.one_row_a_sample()
        share = model.scaled(1 / tf.cast(tf.shape(batch.x)[0], tf.float32))
        with tf.GradientTape() as tape_z:
            features = repeat(model.features(batch.x, batch.labels), k)
            latents = model.draw(features, rows.epsilon, rows.labels)
        # From here on the codes are what is given, and so are the encoder's features.
        with tf.GradientTape() as tape_p:
            tape_p.watch(latents)
            log_p = model.log_likelihood(rows.levels, latents, rows.labels)
            log_p += beta * model.log_prior(latents, rows.labels)
        with tf.GradientTape(watch_accessed_variables=False) as tape_q:
            tape_q.watch(latents)
            log_q = beta * model.log_posterior(features, latents, rows.labels)
        log_weights = tf.reshape(log_p - log_q, [-1, k])
        v = tf.reshape(tf.nn.softmax(log_weights, axis=1), [-1])
        by_p, p_by_z = tape_p.gradient(log_p, (variables, latents), output_gradients=-share * v)
        q_by_z = tape_q.gradient(log_q, latents, output_gradients=share * v)
        doubly = (1 - beta + beta * v)[:, None]
        by_z = [doubly * _sum(p, q) for p, q in zip(p_by_z, q_by_z, strict=True)]
        by_q = tape_z.gradient(latents, variables, output_gradients=by_z)
        gradients = [_sum(p, q) for p, q in zip(by_p, by_q, strict=True)]
        return {"loss": -_bound(log_weights)}, gradients


def _bound(log_weights):
    return tf.reduce_logsumexp(log_weights, axis=1) - math.log(log_weights.shape[1])


def _sum(first, second):
    """Return the sum of two gradients, either of which may be None, nothing."""
    if first is None or second is None:
        return second if first is None else first
    # Those of an embedding are slices, which do not add.
    return tf.convert_to_tensor(first) + tf.convert_to_tensor(second)
