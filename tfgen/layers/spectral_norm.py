"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957).

A layer has the kernel W / sigma(W), where sigma(W) is the largest singular value of W as a matrix
[inputs, outputs]; that of a convolution is reshaped to [height * width * inputs, outputs], as in
the paper. So a dense layer stretches no input by more than 1. A convolution stretches none of the
patches it looks at by more; but as these overlap, its gain for the whole can exceed 1. One power
iteration a training step follows sigma as W moves (algorithm 1), with the right singular vector u
kept from step to step:

    v = W u / |W u|        u = W' v / |W' v|        sigma = v' W u = |W u|

W is what is trained: the division is part of the gradient, in which u and v are constants
(equation 12). The gradient of |W u| by W is v u' of itself.
"""

import keras
import tensorflow as tf

EPSILON = 1e-12


class SpectralNorm(keras.layers.Layer):
    """A layer with a spectrally normalised kernel, a bias and an activation.

    The norm is computed in float32. Nothing moves in a call: who trains the layer calls `iterate`
    once a step.

    Args:
        activation: name of the activation, or None.
        use_bias: whether the output has a bias.
    """

    def __init__(self, activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.activation, self.use_bias = activation, use_bias
        self._activation = keras.activations.get(activation)

    def add_weights(self, kernel_shape):
        """Make the weights; the kernel's last axis is that of the outputs."""
        # Not cast by a policy of half precision, which would spoil the norm.
        self.kernel = self.add_weight(
            name="kernel", shape=kernel_shape, initializer="glorot_uniform", autocast=False
        )
        # The replicas' kernels are equal, and so are their iterations.
        self.u = self.add_weight(
            name="u",
            shape=kernel_shape[-1:],
            initializer="random_normal",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=kernel_shape[-1:], initializer="zeros")

    def iterate(self):
        """Take one power iteration."""
        v = _unit(tf.linalg.matvec(self._matrix(), _unit(self.u)))
        self.u.assign(_unit(tf.linalg.matvec(self._matrix(), v, transpose_a=True)))

    def normalized_kernel(self):
        """Return W / sigma(W) in the dtype of the computation."""
        sigma = tf.norm(tf.linalg.matvec(self._matrix(), _unit(self.u)))
        kernel = tf.convert_to_tensor(self.kernel) / tf.maximum(sigma, EPSILON)
        return tf.cast(kernel, self.compute_dtype)

    def finished(self, outputs):
        """Add the bias and apply the activation."""
        return self._activation(outputs if self.bias is None else outputs + self.bias)

    def _matrix(self):
        return tf.reshape(self.kernel, [-1, self.kernel.shape[-1]])

    def get_config(self):
        own = {"activation": self.activation, "use_bias": self.use_bias}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="tfgen")
class SpectralDense(SpectralNorm):
    """A dense layer, float [b, n] to [b, units]."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.add_weights([input_shape[-1], self.units])

    def call(self, inputs):
        return self.finished(inputs @ self.normalized_kernel())

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="tfgen")
class SpectralConv2D(SpectralNorm):
    """A convolution, float [b, h, w, n] to [b, h / strides, w / strides, filters], rounded up."""

    def __init__(self, filters, kernel_size, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides

    def build(self, input_shape):
        self.add_weights([self.kernel_size, self.kernel_size, input_shape[-1], self.filters])

    def call(self, inputs):
        return self.finished(tf.nn.conv2d(inputs, self.normalized_kernel(), self.strides, "SAME"))

    def get_config(self):
        own = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
        }
        return {**super().get_config(), **own}


def iterate_norms(network):
    """Take one power iteration in each spectrally normalised layer of a Keras model."""
    for layer in network._flatten_layers():
        if isinstance(layer, SpectralNorm):
            layer.iterate()


def _unit(vector):
    vector = tf.convert_to_tensor(vector)
    return vector / tf.maximum(tf.norm(vector), EPSILON)
