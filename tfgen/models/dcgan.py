"""DCGAN (Radford et al. 2015, arXiv:1511.06434): convolutional networks that train well.

Its guidelines: strides instead of pooling; batch normalisation in both players, but not in G's last
and D's first layer; no hidden dense layers; ReLU in G, with tanh at its end, leaky ReLU in D; all
weights drawn from N(0, 0.02^2). The paper trains with Adam(2e-4, beta_1=0.5).

    G:  z   projected and reshaped, then 5x5 transposed convolutions of stride 2, up to the image
    D:  x   5x5 convolutions of stride 2, then one logit

Real and generated images pass through D in batches of their own, each with its own statistics; the
moving ones that judge single images in evaluation follow both. Sizes that are odd are rounded up
and cropped, so any image will do.
"""

import math

import keras
from keras import layers

from tfgen.layers.conditioning import check_conditioning, discriminator_network
from tfgen.layers.networks import (
    check_hidden,
    cropped,
    halved_sizes,
    inputs,
    join_labels,
    label_input,
    normalized,
)
from tfgen.models.adversarial import AdversarialModel
from tfgen.models.base import register

SLOPE = 0.2  # of the leaky ReLU below zero


@register
class DCGAN(AdversarialModel):
    """Strided convolutions with batch normalisation in both players.

    As a batch's images have a part in each other's logits, a game that penalises the gradient at
    each image is refused, as are arguments that are not as said here, by a `UserError`.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the noise z.
        filters: of the convolutions, listed from the image on, for both players; each of them
            halves the image.
        game: a `Game` of `tfgen.games`, or the name of one.
        average_half_life: images after which the moving average has half forgotten; 0: no average.
        num_classes: 0 for an unconditional model.
        n_critic: the discriminator's moves for each of the generator's; they share a batch.
        conditioning: "concatenation", "projection" or "auxiliary_classifier", how the players use
            the labels; see `layers.conditioning`.
        augmentation: a `DifferentiableAugmentation` of `tfgen.augmentation`, or None.
    """

    def __init__(
        self,
        image_shape,
        latent_dim=100,
        filters=(64, 128, 256, 512),
        game="non_saturating",
        average_half_life=10_000,
        num_classes=0,
        n_critic=1,
        conditioning="concatenation",
        augmentation=None,
    ):
        super().__init__(
            image_shape, latent_dim, game, n_critic, average_half_life, num_classes, augmentation
        )
        check_hidden(filters, "filters")
        self.filters = tuple(filters)
        self.conditioning = conditioning
        check_conditioning(conditioning, num_classes)
        self.set_players(
            self._generator_network(), self._generator_network(), self._discriminator_network()
        )

    def _generator_network(self):
        latents = keras.Input((self.latent_dim,), name="latents")
        labels, one_hot = label_input(self.num_classes)
        sizes = halved_sizes(self.image_shape[:2], len(self.filters))
        joined, normalizing = one_hot, None
        if self.conditioning == "projection":
            joined, normalizing = None, one_hot
        x = join_labels(latents, joined)
        x = layers.Dense(math.prod(sizes[-1]) * self.filters[-1], **_weights(use_bias=False))(x)
        x = layers.Reshape((*sizes[-1], self.filters[-1]))(x)
        x = layers.ReLU()(normalized(x, normalizing))
        for filters, size in zip(self.filters[-2::-1], sizes[-2:0:-1], strict=True):
            x = cropped(layers.Conv2DTranspose(filters, 5, 2, **_convolution(False))(x), size)
            x = layers.ReLU()(normalized(x, normalizing))
        last = _convolution(True)
        x = layers.Conv2DTranspose(self.image_shape[-1], 5, 2, dtype="float32", **last)(x)
        x = layers.Activation("tanh", dtype="float32")(cropped(x, sizes[0], dtype="float32"))
        return keras.Model(inputs(latents, labels), x, name="generator")

    def _discriminator_network(self):
        def features(images, one_hot):
            x = join_labels(images, one_hot)
            for index, filters in enumerate(self.filters):
                x = layers.Conv2D(filters, 5, 2, **_convolution(use_bias=index == 0))(x)
                x = layers.LeakyReLU(SLOPE)(normalized(x) if index else x)
            return layers.Flatten()(x)

        def dense(units, use_bias=True, **options):
            return layers.Dense(units, **_weights(use_bias), **options)

        return discriminator_network(
            features,
            self.image_shape,
            self.num_classes,
            self.conditioning,
            dense,
            output_bias=not self.game.compares,
        )


def _convolution(use_bias):
    return {"padding": "same", **_weights(use_bias)}


def _weights(use_bias):
    initializer = keras.initializers.RandomNormal(stddev=0.02)
    return {"use_bias": use_bias, "kernel_initializer": initializer}
