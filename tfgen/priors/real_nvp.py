"""A normalising flow as prior: RealNVP (Dinh et al. 2017, arXiv:1605.08803).

Coupling layers turn N(0, I) into p(z). Each leaves half of the numbers as they are, and shifts and
scales the other half by what a network makes of the first; then the order is reversed:

    z_1 = u_1,   z_2 = u_2 * exp(s(u_1)) + t(u_1)

Both directions cost one pass. The last layer of each network starts at zero, so that the flow
starts as N(0, I).
"""

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError, check_counts
from tfgen.priors.base import Prior, diagonal_normal

LOG_SCALE_BOUND = 3.0


@keras.saving.register_keras_serializable(package="tfgen")
class RealNVP(Prior):
    """`num_layers` coupling layers, their networks with two hidden layers of `hidden` units."""

    def __init__(self, latent_dim, num_layers=6, hidden=128, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if latent_dim < 2:
            raise UserError("a RealNVP prior couples halves of a code; latent_dim must exceed 1.")
        check_counts(num_layers=num_layers, hidden=hidden)
        self.num_layers, self.hidden = num_layers, hidden
        self.kept = latent_dim // 2
        moved = latent_dim - self.kept
        self.couplings = [
            keras.Sequential(
                [
                    keras.Input((self.kept,)),
                    keras.layers.Dense(hidden, "relu", dtype="float32"),
                    keras.layers.Dense(hidden, "relu", dtype="float32"),
                    keras.layers.Dense(2 * moved, kernel_initializer="zeros", dtype="float32"),
                ]
            )
            for _ in range(num_layers)
        ]
        self.built = True

    def bijector(self):
        """Return the flow from noise to codes."""

        def layer(network):
            def shift_and_log_scale(kept, _):
                shift, log_scale = tf.split(network(kept), 2, axis=-1)
                return shift, LOG_SCALE_BOUND * tf.tanh(log_scale / LOG_SCALE_BOUND)

            return tfb.RealNVP(self.kept, shift_and_log_scale_fn=shift_and_log_scale)

        reverse = tfb.Permute(list(reversed(range(self.latent_dim))))
        # Named, or every operation of the graph bears the names of all the layers.
        parts = [part for net in self.couplings for part in (reverse, layer(net))]
        return tfb.Chain(parts, name="flow")

    def distribution(self, encode):
        normal = diagonal_normal(tf.zeros([self.latent_dim]), tf.ones([self.latent_dim]))
        return tfd.TransformedDistribution(normal, self.bijector(), name="RealNVP")

    def codes(self, noise, encode):
        return self.bijector().forward(noise)
