"""R3GAN: a GAN without tricks (Huang et al. 2025, arXiv:2501.05441).

The relativistic pairing game with R1 and R2 (`tfgen.games.Relativistic`) is stable enough that both
players can be plain residual networks without normalisation. The discriminator, stage by stage:

    image   1x1 convolution to the first width
    stage   blocks:  x + 1x1( leaky( 3x3( leaky( 1x1(x) ))))      twice as wide inside
            halving: blurred by [1, 2, 1], then a 1x1 convolution to the next width
    last    blocks, then a learned basis: a weighted sum over what is left of the image, each map
            with weights of its own, and a linear output

The generator is its mirror image, from the basis up, with a linear output too. As in Fixup (Zhang
et al. 2019, arXiv:1901.09321) the last convolution of a block starts at zero and the others are
scaled by the number of blocks L to the power -1/4, which keeps the variance of deep networks.
Of a label, an embedding joins the noise of G, and D's features are weighed by another.

Most of the work lies in the first stage, at the image's full resolution, on few channels. For small
budgets the 1x1 convolutions to and from the image can take patches of it in place of pixels (as in
ConvNeXt, Liu et al. 2022, arXiv:2201.03545): of 2x2 pixels, the same stages cost about a quarter.

Unlike in the authors' code, resampling repeats the image's border rather than fading it to zero,
and the generator's output has a bias, which `adapt` sets: else what G makes of z and of -z would
begin as negatives of each other, whose mean is grey, and black must be learnt against that. Of
images with much of exactly black or white, such as digits, D knows any generated one by what its
linear output leaves of noise there, and wins; for these the output can end in a tanh.
"""

import math

import keras
import numpy as np
from keras import layers

from tfgen.errors import UserError, check_counts
from tfgen.images import to_unit
from tfgen.layers.networks import check_hidden, inputs, label_input
from tfgen.models.adversarial import AdversarialModel
from tfgen.models.base import register
from tfgen.names import unknown

SLOPE = 0.2  # of the leaky ReLU below zero
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # which keeps the variance behind it
MEAN_INPUTS = {  # name of an output activation -> what makes it a mean in [-1, 1]
    "linear": lambda mean: mean,
    "tanh": lambda mean: np.arctanh(np.clip(mean, -0.99, 0.99)),
}


@register
class R3GAN(AdversarialModel):
    """Residual, normalisation-free networks in the relativistic game.

    Raises `UserError` for arguments that are not as said here or do not fit each other.

    Args:
        image_shape: (height, width, channels); both sizes can be cut into patches, and their number
            halved between the stages.
        latent_dim: length of the noise z, and of the embeddings of labels.
        widths: of the stages, listed from the image on, for both players.
        num_blocks: residual blocks in each stage.
        output_activation: of the generator, "linear" (the paper's) or "tanh".
        patch_size: pixels of a side of the patches, each one place of the first stage.
        groups: of the 3x3 convolutions. Without a GPU, TensorFlow trains grouped ones with oneDNN
            alone, its default on x86.
        game: a `Game` of `tfgen.games`, or the name of one.
        average_half_life: images after which the moving average has half forgotten; 0: no average.
        num_classes: 0 for an unconditional model.
        augmentation: a `DifferentiableAugmentation` of `tfgen.augmentation`, or None.
    """

    def __init__(
        self,
        image_shape,
        latent_dim=64,
        widths=(32, 64, 64),
        num_blocks=2,
        groups=1,
        game="relativistic",
        average_half_life=10_000,
        num_classes=0,
        augmentation=None,
        output_activation="linear",
        patch_size=1,
    ):
        super().__init__(
            image_shape, latent_dim, game, 1, average_half_life, num_classes, augmentation
        )
        check_hidden(widths, "widths")
        check_counts(num_blocks=num_blocks, groups=groups, patch_size=patch_size)
        self.widths = tuple(widths)
        self.num_blocks = num_blocks
        self.groups = groups
        if output_activation not in MEAN_INPUTS:
            raise unknown("output activation", output_activation, MEAN_INPUTS)
        self.output_activation = output_activation
        self.patch_size = patch_size
        self._check_sizes()
        self.set_players(
            self._generator_network(), self._generator_network(), self._discriminator_network()
        )

    def _check_sizes(self):
        halvings = len(self.widths) - 1
        size = "x".join(map(str, self.image_shape[:2]))
        if any(side % self.patch_size for side in self.image_shape[:2]):
            raise UserError(
                f"images of {size} pixels cannot be cut into patches of patch_size="
                f"{self.patch_size}; both sizes must be multiples of it."
            )
        height, width = (side // self.patch_size for side in self.image_shape[:2])
        if height % 2**halvings or width % 2**halvings:
            raise UserError(
                f"images of {size} pixels cannot be halved {halvings} times, as "
                f"{len(self.widths)} stages of widths need; give fewer widths."
            )
        if any(2 * size % self.groups for size in self.widths):
            raise UserError(
                f"twice the widths must be multiples of groups={self.groups}, but the widths are "
                f"{list(self.widths)}."
            )
        self._basis_size = (height >> halvings, width >> halvings)

    def _generator_network(self):
        latents = keras.Input((self.latent_dim,), name="latents")
        labels, one_hot = label_input(self.num_classes)
        x = latents
        if labels is not None:
            x = layers.Concatenate()([x, _linear(self.latent_dim)(one_hot)])
        x = _linear(self.widths[-1])(x)
        x = layers.EinsumDense(
            "bc,hwc->bhwc",
            (*self._basis_size, self.widths[-1]),
            kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="basis",
        )(x)
        for index, width in reversed(list(enumerate(self.widths))):
            if width != x.shape[-1]:
                x = _convolution(width)(x)
            if index < len(self.widths) - 1:
                x = doubled(x)
            x = self._blocks(x)
        channels = self.patch_size**2 * self.image_shape[-1]
        x = _convolution(channels, use_bias=True, dtype="float32", name="output")(x)
        if self.patch_size > 1:
            x = _pixels(x, self.patch_size)
        if self.output_activation != "linear":
            x = layers.Activation(self.output_activation, dtype="float32")(x)
        return keras.Model(inputs(latents, labels), x, name="generator")

    def adapt(self, images, labels=None):
        """Start the generator's output around the mean training pixel."""
        super().adapt(images, labels)
        mean = to_unit(images).numpy().mean(axis=(0, 1, 2))
        mean = MEAN_INPUTS[self.output_activation](mean)
        for generator in (self.generator, self.averaged_generator):
            bias = generator.get_layer("output").bias
            bias.assign(np.tile(mean, self.patch_size**2))

    def _discriminator_network(self):
        images = keras.Input(self.image_shape, name="images")
        labels, one_hot = label_input(self.num_classes)
        x = _convolution(self.widths[0], self.patch_size, strides=self.patch_size)(images)
        for index, width in enumerate(self.widths):
            if index:
                x = halved(x)
            if width != x.shape[-1]:
                x = _convolution(width)(x)
            x = self._blocks(x)
        height, width = self._basis_size
        x = layers.EinsumDense(
            "bhwc,hwc->bc",
            (self.widths[-1],),
            kernel_initializer=keras.initializers.RandomNormal(stddev=(height * width) ** -0.5),
            name="basis",
        )(x)
        if labels is None:
            x = _linear(1, dtype="float32", name="output")(x)
        else:
            x = _linear(self.latent_dim, dtype="float32", name="output")(x)
            scale = self.latent_dim**-0.5
            x = layers.Dot(axes=1, dtype="float32")([x, _linear(self.latent_dim, scale)(one_hot)])
        return keras.Model(inputs(images, labels), x, name="discriminator")

    def _blocks(self, x):
        gain = GAIN * (len(self.widths) * self.num_blocks) ** -0.25
        width = x.shape[-1]
        for _ in range(self.num_blocks):
            y = layers.LeakyReLU(SLOPE)(_convolution(2 * width, 1, gain, use_bias=True)(x))
            y = _convolution(2 * width, 3, gain, use_bias=True, groups=self.groups)(y)
            y = layers.LeakyReLU(SLOPE)(y)
            x = layers.Add()([x, _convolution(width, gain=0)(y)])
        return x


def doubled(x):
    """Return maps [b, h, w, n] of twice the size, interpolated by the filter [1, 2, 1] / 2."""
    x = layers.UpSampling2D(2, interpolation="nearest")(x)
    return layers.AveragePooling2D(2, 1, padding="same")(x)


def halved(x):
    """Return every second place of maps [b, h, w, n] blurred by the filter [1, 2, 1] / 4."""
    x = layers.AveragePooling2D(2, 1, padding="same")(x)
    return layers.AveragePooling2D(2, 2)(x)


def _pixels(x, patch_size):
    """Return the images [b, h p, w p, c] of patches [b, h, w, p p c]."""
    height, width, size = x.shape[1:]
    channels = size // patch_size**2
    # In float32, as the output is: a half-precision policy would round away some of 256 levels.
    x = layers.Reshape((height, width, patch_size, patch_size, channels), dtype="float32")(x)
    x = layers.Permute((1, 3, 2, 4, 5), dtype="float32")(x)
    shape = height * patch_size, width * patch_size, channels
    return layers.Reshape(shape, dtype="float32")(x)


def _convolution(filters, size=1, gain=1.0, use_bias=False, **options):
    return layers.Conv2D(
        filters,
        size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=_scaled(gain),
        **options,
    )


def _linear(units, gain=1.0, **options):
    return layers.Dense(units, use_bias=False, kernel_initializer=_scaled(gain), **options)


def _scaled(gain):
    """Return a normal initializer that changes the variance of its input by gain^2."""
    if not gain:
        return "zeros"
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
