"""Hierarchical (ladder) variational autoencoder (Sønderby et al. 2016, arXiv:1602.02282).

Groups of latents stand above each other. The image is read bottom-up without noise, and q goes
down the same way as p does, correcting at each group what p expects by what was read there:

    read                      q and p
    d_L  -- mean^, scale^ --> z_L  ~ N(0, I), or another prior
     ^                         |
    d_1  -- mean^, scale^ --> z_1  ~ p(z_1 | z_2)
     ^                         |
     x                         x   ~ p(x | z_1)

where q(z_l | z_{l+1}, x) is the product of the two Gaussians, p's and the one that was read,
weighted by their precisions (equations 11 and 12 of the paper).

The paper's batch normalisation is left out, so that the bound of an image is its own.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from tfgen.errors import UserError
from tfgen.layers.networks import (
    check_hidden,
    cropped,
    decoder_network,
    halved_sizes,
    inputs,
    is_sizes,
    join_labels,
    label_input,
    pixel_network,
    set_output_bias,
)
from tfgen.models.base import register
from tfgen.models.variational import LOG_VARIANCE_BOUND, VariationalModel, bounded_normal
from tfgen.priors.base import diagonal_normal

NETWORKS = ("dense", "convolutional", "spatial")


@register
class HierarchicalVAE(VariationalModel):
    """A ladder VAE with dense, convolutional or spatial networks and any pixel likelihood.

    Args:
        image_shape: (height, width, channels).
        latent_dims: of each group, the one next to the pixels first: its length, or, in a spatial
            model, its maps.
        hidden: for each group the layers that lead to it from below (and, mirrored, down from it):
            units of dense layers or filters of convolutions.
        network: "dense"; "convolutional": convolutions between the pixels and the lowest group, of
            stride 2 but the first, and dense layers above; or "spatial": each group is a map of
            half the size of what is below it, by 3x3 convolutions, the first of stride 2.
        likelihood: p(x | z_1) for each pixel, a `Likelihood`; None: a discretised logistic.
        num_classes: 0 for an unconditional model.
        prior: p(z_L) of the top group, a `Prior`; None: N(0, I).
        objective: what training minimises, an `Objective`; None: the negative ELBO.
    """

    def __init__(
        self,
        image_shape,
        latent_dims=(64, 32),
        hidden=((256, 256), (128, 128)),
        network="dense",
        likelihood=None,
        num_classes=0,
        prior=None,
        objective=None,
    ):
        shapes = latent_shapes(image_shape, latent_dims, hidden, network)
        # The model counts its groups as it draws them, from the top.
        sizes = [math.prod(shape) for shape in reversed(shapes)]
        super().__init__(image_shape, sizes, likelihood, prior, objective, num_classes)
        self.latent_dim = sum(sizes)
        self.latent_dims = tuple(latent_dims)
        self.hidden = tuple(tuple(widths) for widths in hidden)
        self.network = network
        self.encoder = _encoder(self.image_shape, shapes, self.hidden, network, num_classes)
        outputs = (*self.image_shape[:2], self.likelihood.num_parameters(self.image_shape[-1]))
        self.decoder = _descent(shapes[0], self.hidden[0], network, outputs, num_classes)
        self.descents = [
            _descent(above, widths, network, (*below[:-1], 2 * below[-1]), num_classes)
            for above, below, widths in zip(
                shapes[:0:-1], shapes[-2::-1], self.hidden[:0:-1], strict=True
            )
        ]
        self.compiles = network == "dense"
        self._compile_functions()
        self.built = True

    # The conditionals of the model

    def features(self, x, labels=None):
        return self.encoder(inputs(x, labels))

    def posterior_at(self, level, features, latents, labels=None):
        read = bounded_normal(features[level])
        if level == 0:
            return read
        expected = self.prior_at(level, latents, labels)
        read_precision, prior_precision = 1 / read.variance(), 1 / expected.variance()
        variance = 1 / (read_precision + prior_precision)
        mean = variance * (read.mean() * read_precision + expected.mean() * prior_precision)
        return diagonal_normal(mean, tf.sqrt(variance))

    def prior_at(self, level, latents, labels=None):
        if level == 0:
            return self.prior.distribution(self.top_posterior)
        output = self.descents[level - 1](inputs(latents[-1], labels))
        return bounded_normal(mean_and_log_variance(output))

    def parameters(self, latents, labels=None):
        return self.decoder(inputs(latents[-1], labels))

    def adapt(self, images, labels=None):
        super().adapt(images, labels)
        set_output_bias(self.decoder, self.likelihood, images)

    def top_size(self, image_shape):
        return math.prod(
            latent_shapes(image_shape, self.latent_dims, self.hidden, self.network)[-1]
        )

    def plain_networks(self):
        code = keras.Input((self.latent_dim,), name="latents")
        labels, _ = label_input(self.num_classes)
        ends = [int(end) for end in np.cumsum(self.latent_sizes)]
        groups = ops.split(code, ends[:-1], axis=-1)
        z = groups[0]
        for network, deviation in zip(self.descents, groups[1:], strict=True):
            mean, log_variance = ops.split(
                mean_and_log_variance(network(inputs(z, labels))), 2, axis=-1
            )
            bounded = LOG_VARIANCE_BOUND * ops.tanh(log_variance / LOG_VARIANCE_BOUND)
            z = mean + ops.exp(bounded / 2) * deviation
        whole = keras.Model(inputs(code, labels), self.decoder(inputs(z, labels)))
        return {"decoder": pixel_network(whole, self.likelihood.mean)}


def latent_shapes(image_shape, latent_dims, hidden, network):
    """Return the shape of each group, the lowest first: (n,), or (height, width, n)."""
    if network not in NETWORKS:
        raise UserError(f"network must be one of {', '.join(NETWORKS)}, but is '{network}'.")
    if not is_sizes(latent_dims):
        raise UserError(
            f"latent_dims must list each group's size, 1 or more, but is {latent_dims}."
        )
    if not isinstance(hidden, list | tuple) or len(latent_dims) != len(hidden):
        raise UserError(
            f"hidden must list the layers of each of the {len(latent_dims)} groups of latent_dims, "
            f"but is {hidden}."
        )
    for widths in hidden:
        if not isinstance(widths, list | tuple):
            raise UserError(f"hidden must list layers for each group, but has {widths} for one.")
        check_hidden(widths)
    if network != "spatial":
        return [(n,) for n in latent_dims]
    sizes = halved_sizes(image_shape[:2], len(latent_dims))
    return [(*size, n) for size, n in zip(sizes[1:], latent_dims, strict=True)]


def mean_and_log_variance(output):
    """Turn network output [b, .., 2 n], two halves of maps, into [b, 2 * size], two of numbers."""
    if len(output.shape) == 2:
        return output
    size = math.prod(output.shape[1:]) // 2
    halves = ops.split(output, 2, axis=-1)
    return ops.concatenate([ops.reshape(half, (-1, size)) for half in halves], axis=-1)


def _encoder(image_shape, shapes, hidden, network, num_classes):
    """Return the way up: images (and labels) to what is read for each group, the top one first."""
    images = keras.Input(image_shape, name="images")
    labels, one_hot = label_input(num_classes)
    x = join_labels(layers.Flatten()(images) if network == "dense" else images, one_hot)
    read = []
    for shape, widths in zip(shapes, hidden, strict=True):
        x = convolved(x, widths, network) if len(x.shape) == 4 else connected(x, widths)
        if network != "spatial" and len(x.shape) == 4:
            x = layers.Flatten()(x)
        outputs = 2 * shape[-1]
        head = layers.Dense(outputs, dtype="float32") if len(x.shape) == 2 else None
        head = head or layers.Conv2D(outputs, 1, dtype="float32")
        read.append(mean_and_log_variance(head(x)))
    return keras.Model(inputs(images, labels), read[::-1], name="encoder")


def connected(x, widths):
    for units in widths:
        x = layers.Dense(units, activation="relu")(x)
    return x


def convolved(x, widths, network):
    for index, filters in enumerate(widths):
        strides = 2 if bool(index) == (network == "convolutional") else 1
        x = layers.Conv2D(filters, 3, strides, padding="same", activation="relu")(x)
    return x


def _descent(shape, widths, network, output_shape, num_classes):
    """Return one way down: a group [b, n] (and labels) to what it says of the one below."""
    if network != "spatial" and len(output_shape) == 3:
        return decoder_network(network, *shape, widths, output_shape, num_classes)
    latents = keras.Input((math.prod(shape),), name="latents")
    labels, one_hot = label_input(num_classes)
    if network != "spatial":
        x = connected(join_labels(latents, one_hot), widths[::-1])
        x = layers.Dense(output_shape[0], dtype="float32", name="output")(x)
        return keras.Model(inputs(latents, labels), x)
    x = join_labels(layers.Reshape(shape)(latents), one_hot)
    for filters in reversed(widths[1:]):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(widths[0], 4, 2, padding="same", activation="relu")(x)
    x = cropped(x, output_shape[:2])
    x = layers.Conv2D(output_shape[-1], 3, padding="same", dtype="float32", name="output")(x)
    return keras.Model(inputs(latents, labels), x)
