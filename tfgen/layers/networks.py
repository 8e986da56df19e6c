"""Small networks, dense or convolutional, as functional Keras models.

The encoders and decoders of the autoencoder and VAE families and the players of GANs: made of
Keras's own layers only, so that what they are saved to loads without tfgen; but for spectral
normalisation, which the discriminator can have.
A conditional network takes a second input, int32 labels [b], which joins the features as one-hot.
"""

import math
import numbers

import keras
import numpy as np
from keras import layers, ops

from tfgen.errors import UserError
from tfgen.layers.spectral_norm import SpectralConv2D, SpectralDense

NETWORKS = ("dense", "convolutional")


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
