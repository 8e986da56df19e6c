"""Small networks, dense or convolutional, and what those of a user's own must be.

They are functional Keras models, the encoders and decoders of the autoencoder and VAE families and
the players of GANs, made of Keras's own layers only, so that what they are saved to loads without
tfgen; but for spectral normalisation, which the discriminator can have.
A conditional network takes a second input, int32 labels [b], which joins the features as one-hot.
"""

import math
import numbers
import re

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from tfgen.errors import UserError
from tfgen.layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralNorm

NETWORKS = ("dense", "convolutional")
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


def encoder_network(network, image_shape, hidden, outputs, num_classes=0):
    """Return a model from float images [b, h, w, c] (and labels) to features [b, outputs].

    See `hidden_layers` for what lies between.
    """
    images = keras.Input(image_shape, name="images")
    labels, one_hot = label_input(num_classes)
    x = hidden_layers(network, images, one_hot, hidden)
    x = layers.Dense(outputs, dtype="float32", name="output")(x)
    return keras.Model(inputs(images, labels), x, name="encoder")


def hidden_layers(network, images, one_hot, hidden, activation="relu", spectral_norm=False):
    """Run images [b, h, w, c], joined by one-hot labels or None, through layers to [b, n].

    "dense" runs the flattened image through layers of `hidden` units; "convolutional" through 3x3
    convolutions of `hidden` filters, all but the first with stride 2. With `spectral_norm`, every
    kernel is divided by its spectral norm, in layers of tfgen's own.
    """
    check_network(network, hidden)
    if network == "dense":
        dense = SpectralDense if spectral_norm else layers.Dense
        x = join_labels(layers.Flatten()(images), one_hot)
        for units in hidden:
            x = dense(units, activation=activation)(x)
        return x
    x = join_labels(images, one_hot)
    for index, filters in enumerate(hidden):
        strides = 2 if index else 1
        if spectral_norm:
            x = SpectralConv2D(filters, 3, strides, activation=activation)(x)
        else:
            x = layers.Conv2D(filters, 3, strides, padding="same", activation=activation)(x)
    return layers.Flatten()(x)


def decoder_network(network, latent_dim, hidden, output_shape, num_classes=0, batch_norm=None):
    """Return a model from codes [b, latent_dim] (and labels) to maps [b, *output_shape].

    `hidden` lists the layers of the encoder that the decoder mirrors; each is followed by a ReLU.
    `batch_norm` puts `normalized` between, "shared" by all classes or "conditional" on the labels,
    which then do not join the codes.
    """
    check_network(network, hidden)
    latents = keras.Input((latent_dim,), name="latents")
    labels, one_hot = label_input(num_classes)
    joined, normalizing = (None, one_hot) if batch_norm == "conditional" else (one_hot, None)

    def activated(layer, x):
        x = layer(x)
        return layers.ReLU()(normalized(x, normalizing) if batch_norm else x)

    x = join_labels(latents, joined)
    if network == "dense":
        for units in reversed(hidden):
            x = activated(layers.Dense(units), x)
        x = layers.Dense(math.prod(output_shape), dtype="float32", name="output")(x)
        x = layers.Reshape(output_shape, dtype="float32")(x)
    else:
        sizes = halved_sizes(output_shape[:2], len(hidden) - 1)
        x = activated(layers.Dense(math.prod(sizes[-1]) * hidden[-1]), x)
        x = layers.Reshape((*sizes[-1], hidden[-1]))(x)
        for filters, size in zip(hidden[-2::-1], sizes[-2::-1], strict=True):
            x = activated(layers.Conv2DTranspose(filters, 4, 2, padding="same"), x)
            x = cropped(x, size)
        x = layers.Conv2D(output_shape[-1], 3, padding="same", dtype="float32", name="output")(x)
    return keras.Model(inputs(latents, labels), x, name="decoder")


def normalized(x, one_hot=None):
    """Normalise features [b, n] or maps [b, h, w, n] by the batch's statistics, over all replicas.

    With one-hot labels, the scale and the shift that follow are those of the row's class:
    conditional batch normalisation (Dumoulin et al. 2017, arXiv:1610.07629; de Vries et al. 2017,
    arXiv:1707.00683).
    """
    one_for_all = one_hot is None
    x = layers.BatchNormalization(
        momentum=0.9, center=one_for_all, scale=one_for_all, synchronized=True
    )(x)
    if one_for_all:
        return x
    places = (1,) * (len(x.shape) - 2)
    for initial, joined in (("ones", layers.Multiply()), ("zeros", layers.Add())):
        of_class = layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=initial)(one_hot)
        x = joined([x, layers.Reshape((*places, x.shape[-1]))(of_class)])
    return x


def inputs(features, labels):
    """Return what a network is called with: features alone, or features and labels."""
    return features if labels is None else [features, labels]


def halved_sizes(size, times):
    """Return `size`, (height, width), and what it is after each of `times` halvings, rounded up."""
    sizes = [tuple(size)]
    for _ in range(times):
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
    return sizes


def cropped(x, size, **options):
    """Return maps without the row and column that doubling a size that was rounded up added."""
    height, width = (there - wanted for there, wanted in zip(x.shape[1:3], size, strict=True))
    return layers.Cropping2D(((0, height), (0, width)), **options)(x)


def set_output_bias(decoder, likelihood, images):
    """Make a decoder start at the mean of images, numpy uint8 [n, h, w, c]."""
    mean = images.mean(axis=0, dtype=np.float64) / 255
    output = decoder.get_layer("output")
    if isinstance(output, layers.Conv2D):
        mean = mean.mean(axis=(0, 1))
    output.bias.assign(np.reshape(likelihood.initial_bias(mean), output.bias.shape))


def pixel_network(decoder, mean, name="decoder"):
    """Return `decoder` followed by `mean` (to [-1, 1]) as a model to float32 pixels in 0..255."""
    copies = [
        keras.Input(entry.shape[1:], dtype=entry.dtype, name=entry.name) for entry in decoder.inputs
    ]
    pixels = (mean(decoder(inputs(*copies, *[None] * (2 - len(copies))))) + 1) * 127.5
    return keras.Model(copies[0] if len(copies) == 1 else copies, pixels, name=name)


def check_network(network, hidden):
    """Raise `UserError` unless `network` is a known kind and `hidden` lists its layers."""
    if network not in NETWORKS:
        raise UserError(f"network must be one of {', '.join(NETWORKS)}, but is '{network}'.")
    check_hidden(hidden)


def check_hidden(hidden, name="hidden"):
    """Raise `UserError` unless `hidden`, the argument `name`, lists the sizes of layers."""
    if not is_sizes(hidden):
        raise UserError(f"{name} must list at least one layer's size, but is {hidden}.")


def is_sizes(values):
    """Tell whether the values are a list of integers of at least 1, one or more."""
    return (
        isinstance(values, list | tuple)
        and len(values) > 0
        and all(isinstance(value, numbers.Integral) and value >= 1 for value in values)
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
    example = _example(input_shape, num_classes)
    features = tf.convert_to_tensor(example[0] if num_classes else example)
    with tf.GradientTape() as tape, keras.StatelessScope():
        tape.watch(features)
        output = network([features, example[1]] if num_classes else features, training=True)
        first = output[0]
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


def functional(decoder, latent_dim, num_classes=0):
    """Return a decoder as a functional model; a user's own may be a subclass of `keras.Model`."""
    if getattr(decoder, "inputs", None):
        return decoder
    latents = keras.Input((latent_dim,), name="latents")
    labels, _ = label_input(num_classes)
    given = inputs(latents, labels)
    return keras.Model(given, decoder(given))


def label_input(num_classes):
    """Return an input for int32 labels [b] and their one-hot; two times None without classes."""
    if not num_classes:
        return None, None
    labels = keras.Input((), dtype="int32", name="labels")
    return labels, ops.one_hot(labels, num_classes)


def join_labels(features, one_hot):
    """Append one-hot labels (or None) to features [b, n], or to each place of maps [b, h, w, n]."""
    if one_hot is None:
        return features
    if len(features.shape) == 4:
        height, width = features.shape[1:3]
        maps = layers.RepeatVector(height * width)(one_hot)
        one_hot = layers.Reshape((height, width, one_hot.shape[-1]))(maps)
    return layers.Concatenate()([features, one_hot])
