"""What networks of a user's own must be to take the place of a model's, and copies of them."""

import re

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgen.errors import UserError
from tfgen.layers.networks import inputs
from tfgen.layers.spectral_norm import SpectralNorm

SHAPING_LAYERS = (layers.Cropping2D, layers.Flatten, layers.Permute, layers.Reshape)
TRAINING_LAYERS = (
    layers.BatchNormalization,
    layers.Dropout,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.SpectralNormalization,
    SpectralNorm,
)


def check_custom(role, network, input_shape, num_classes, output_shape, constant=True):
    """Raise `UserError` unless a user's own `network` maps [b, *input_shape] to [b, *output_shape].

    With `num_classes`, it is called with a list: the features and int32 labels [b]. What only
    Keras's own training does, losses of layers, it must not have; nor, if it is to be `constant`,
    layers that do something else in training. A player of a game, which need not be, must have no
    weights to train that get no gradient.
    """
    if not isinstance(network, keras.Model):
        raise UserError(f"the {role} must be a Keras model, but is {type(network).__name__}.")
    example = _example(input_shape, num_classes)
    wanted = f"float [b, {', '.join(map(str, output_shape))}]"
    given = f"float [b, {', '.join(map(str, input_shape))}]" + " and int labels [b]" * bool(
        num_classes
    )
    if num_classes and role != "encoder" and isinstance(network, keras.Sequential):
        # Keras would drop the labels. An encoder may do without; what is made needs them.
        raise UserError(
            f"the {role} cannot be called with {given}, since a Sequential has one input; make a "
            "keras.Model of two, the second keras.Input((), dtype='int32')."
        )
    try:
        output = network(example)
    except Exception as error:  # whatever a user's layers raise
        raise UserError(f"the {role} cannot be called with {given}: {_reason(error)}") from error
    if tuple(getattr(output, "shape", ())) != (2, *output_shape):
        found = list(getattr(output, "shape", [type(output).__name__]))
        raise UserError(
            f"the {role} must map {given} to {wanted}, but for 2 images it returns {found}."
        )
    if constant:
        _check_constant(role, network, example)
    else:
        _check_gradients(role, network, example)
    try:
        config = keras.saving.serialize_keras_object(network)
        again = keras.saving.deserialize_keras_object(config, safe_mode=True)
        if constant:
            _check_constant(role, again, example)  # what was frozen need not be so any more
    except Exception as error:  # whatever the config of a user's layer raises
        raise UserError(
            f"the {role} could not be loaded again once it is saved: {_reason(error)}"
        ) from error
    if network.losses:
        raise UserError(
            f"the {role} has losses of its own, as regularisers add, which are not part of what "
            "the model minimises; leave them out."
        )


def _check_constant(role, network, example):
    """Raise `UserError` unless a network does with the `example` in training what it does else."""
    for layer in network._flatten_layers():
        # A rate of 0, as attention layers have, drops nothing.
        if isinstance(layer, TRAINING_LAYERS) and getattr(layer, "rate", 1):
            normalizes = isinstance(layer, layers.BatchNormalization)
            if normalizes and not layer.trainable:
                continue
            freeze = ", or give it trainable=False where it is made" if normalizes else ""
            raise UserError(
                f"the {role}'s layer '{layer.name}' is a {type(layer).__name__}, which does "
                "something else in training, and the bound is one of networks that do not; leave "
                f"it out{freeze}."
            )
    outputs = network(example, training=True), network(example)
    if not np.allclose(*outputs, rtol=1e-4, atol=1e-5):
        raise UserError(
            f"the {role} does something else in training, as layers with dropout or random layers "
            "do, and the bound is one of networks that do not; leave these out."
        )


def check_end(role, network, remedy):
    """Raise `UserError`, which ends with `remedy`, for a network with outputs in [0, 1].

    Of a subclass of `keras.Model` nobody knows what it ends in.
    """
    activation = _last_activation(network)
    if activation in ("sigmoid", "hard_sigmoid", "softmax"):
        raise UserError(f"the {role} ends in a {activation}, but {remedy}.")


def _last_activation(network):
    """Return the lower-case name of what a network ends in: an activation or another operation."""
    if not getattr(network, "inputs", None):
        return None
    for operation in reversed(getattr(network, "operations", network.layers)):
        if isinstance(operation, keras.Model):
            return _last_activation(operation)
        if not isinstance(operation, SHAPING_LAYERS):
            activation = getattr(operation, "activation", None)
            return getattr(activation, "__name__", type(operation).__name__).lower()


def _check_gradients(role, network, example):
    """Raise `UserError` unless, in training, the output depends on every weight to train."""
    weights = network.trainable_variables
    values = [tf.identity(weight.value) for weight in weights]
    # Without a scope of its own, batch normalisation would take the example for training data.
    with tf.GradientTape() as tape, keras.StatelessScope(zip(weights, values, strict=True)):
        tape.watch(values)
        output = network(example, training=True)
    for weight, gradient in zip(weights, tape.gradient(output, values), strict=True):
        if gradient is None:
            raise UserError(
                f"the {role}'s weight '{weight.path}' gets no gradient in training, since nothing "
                "that the network returns depends on it; leave it out."
            )


def mixes_images(network, input_shape, num_classes):
    """Tell whether, in training, what a network says of one row depends on another one."""
    example = tf.nest.map_structure(tf.convert_to_tensor, _example(input_shape, num_classes))
    features = tf.nest.flatten(example)[0]
    with tf.GradientTape() as tape, keras.StatelessScope():
        tape.watch(features)
        first = network(example, training=True)[0]
    slope = tape.gradient(first, features)
    return slope is not None and bool(tf.reduce_any(slope[1] != 0))


def copied(network, input_shape, num_classes):
    """Return a network made and weighted like a user's own that `check_custom` has passed."""
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(config)
    copy(_example(input_shape, num_classes))  # makes the weights of a subclass of keras.Model
    copy.set_weights(network.get_weights())
    return copy


def _example(input_shape, num_classes):
    """Return what to call a network with: features of 2 rows, and labels if there are classes."""
    x = np.random.default_rng(0).normal(size=[2, *input_shape]).astype(np.float32)
    return inputs(x, np.zeros([2], np.int32) if num_classes else None)


def _reason(error):
    """Return the first line that says something of an error that a Keras layer raised."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = re.sub(r"\[\[.*?\]\]+", "...", text, flags=re.DOTALL)  # the numbers of the example
    text = re.sub(r"\s*Inputs received: .*", "", text, flags=re.DOTALL)
    lines = text.splitlines()
    framed = "Exception encountered when calling"
    told = [line.strip() for line in lines if line.strip() and not line.startswith(framed)]
    return told[0] if told else type(error).__name__
