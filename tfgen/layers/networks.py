"""Encoders and decoders of the autoencoder and VAE families, as functional Keras models.

They are made of Keras's own layers only, so that what they are saved to loads without tfgen; but
for spectral normalisation, which a discriminator can have.
A conditional network takes a second input, int32 labels [b], which joins the features as one-hot.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from tfgen.errors import UserError
from tfgen.layers.spectral_norm import SpectralConv2D, SpectralDense

NETWORKS = ("dense", "convolutional")


def encoder_network(
    network,
    image_shape,
    hidden,
    outputs,
    num_classes=0,
    activation="relu",
    output_bias=True,
    spectral_norm=False,
):
    """Return a model from float images [b, h, w, c] (and labels) to features [b, outputs].

    "dense" runs the flattened image through layers of `hidden` units; "convolutional" through 3x3
    convolutions of `hidden` filters, all but the first with stride 2. With `spectral_norm`, every
    kernel is divided by its spectral norm, in layers of tfgen's own.
    """
    check_network(network, hidden)
    dense = SpectralDense if spectral_norm else layers.Dense
    images = keras.Input(image_shape, name="images")
    labels, one_hot = label_input(num_classes)
    x = images
    if network == "dense":
        x = join_labels(layers.Flatten()(x), one_hot)
        for units in hidden:
            x = dense(units, activation=activation)(x)
    else:
        x = join_labels(x, one_hot)
        for index, filters in enumerate(hidden):
            strides = 2 if index else 1
            if spectral_norm:
                x = SpectralConv2D(filters, 3, strides, activation=activation)(x)
            else:
                x = layers.Conv2D(filters, 3, strides, padding="same", activation=activation)(x)
        x = layers.Flatten()(x)
    x = dense(outputs, use_bias=output_bias, dtype="float32", name="output")(x)
    return keras.Model(inputs(images, labels), x, name="encoder")


def decoder_network(network, latent_dim, hidden, output_shape, num_classes=0, batch_norm=False):
    """Return a model from codes [b, latent_dim] (and labels) to maps [b, *output_shape].

    `hidden` lists the layers of the encoder that the decoder mirrors; each is followed by batch
    normalisation (over all replicas) if `batch_norm` is true, and by a ReLU.
    """
    check_network(network, hidden)

    def activated(layer, x):
        x = layer(x)
        if batch_norm:
            x = layers.BatchNormalization(momentum=0.9, synchronized=True)(x)
        return layers.ReLU()(x)

    latents = keras.Input((latent_dim,), name="latents")
    labels, one_hot = label_input(num_classes)
    x = join_labels(latents, one_hot)
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


def check_hidden(hidden):
    """Raise `UserError` unless `hidden` lists the sizes of layers."""
    if not hidden or min(hidden) < 1:
        raise UserError(f"hidden must list at least one layer's size, but is {list(hidden)}.")


def check_custom(role, network, input_shape, num_classes, output_shape):
    """Raise `UserError` unless a user's own `network` maps [b, *input_shape] to [b, *output_shape].

    With `num_classes`, it is called with a list: the features and int32 labels [b].
    """
    if not isinstance(network, keras.Model):
        raise UserError(f"the {role} must be a Keras model, but is {type(network).__name__}.")
    zeros = np.zeros([2, *input_shape], np.float32)
    labels = np.zeros([2], np.int32) if num_classes else None
    wanted = f"float [b, {', '.join(map(str, output_shape))}]"
    given = f"float [b, {', '.join(map(str, input_shape))}]" + " and int labels [b]" * bool(
        num_classes
    )
    try:
        output = network(inputs(zeros, labels))
    except Exception as error:  # whatever a user's layers raise
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"the {role} cannot be called with {given}: {reason}") from error
    if tuple(getattr(output, "shape", ())) != (2, *output_shape):
        found = list(getattr(output, "shape", [type(output).__name__]))
        raise UserError(
            f"the {role} must map {given} to {wanted}, but for 2 images it returns {found}."
        )


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
