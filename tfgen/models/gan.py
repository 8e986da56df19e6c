"""Generative adversarial networks of few layers (Goodfellow et al. 2014, arXiv:1406.2661).

The game is that of `models.adversarial`.
"""

import keras

from tfgen.errors import UserError
from tfgen.layers.conditioning import check_conditioning, discriminator_network
from tfgen.layers.networks import check_hidden, decoder_network, hidden_layers
from tfgen.layers.own_networks import check_custom, check_end, copied, mixes_images
from tfgen.layers.spectral_norm import SpectralDense
from tfgen.models.adversarial import AdversarialModel
from tfgen.models.base import register

SPECTRAL_LAYERS = "make it of the layers of tfgen.layers.spectral_norm"


@register
class GAN(AdversarialModel):
    """A GAN with dense networks (2014), convolutional ones (after DCGAN, arXiv:1511.06434) or a
    user's own.

    The generator normalises its batches if it is convolutional, or conditional by projection; the
    discriminator never does, so that what it says of one image does not depend on the others.

    Raises `UserError` for arguments that are not as said here, for own networks that do not fit or
    could not be saved, and for a game that cannot be played with the discriminator.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the noise z.
        generator_hidden: sizes of the generator's layers, listed from the image to the noise.
        discriminator_hidden: sizes of the discriminator's layers, from the image on.
        network: "dense" or "convolutional"; see `layers.networks`.
        game: a `Game` of `tfgen.games`, or the name of one, such as "non_saturating".
        average_half_life: images after which the moving average has half forgotten; 0: no average.
        num_classes: 0 for an unconditional model.
        n_critic: the discriminator's moves for each of the generator's; they share a batch.
        spectral_norm: whether the discriminator's kernels are divided by their spectral norms.
        conditioning: "concatenation", "projection" or "auxiliary_classifier", how the players use
            the labels; see `layers.conditioning`.
        augmentation: a `DifferentiableAugmentation` of `tfgen.augmentation`, or None.
        generator: a Keras model instead of one of `generator_hidden`, from noise
            [b, latent_dim] to images [b, h, w, c] in [-1, 1]. Of a conditional model: from [noise,
            int32 labels [b]], whatever `conditioning` is. Of batch normalisation in it, several
            replicas need `synchronized=True` to do what one does.
        discriminator: a Keras model instead of one of `discriminator_hidden`, from images
            [b, h, w, c] in [-1, 1] (or [images, labels]) to logits [b, 1]. It cannot be an
            auxiliary classifier, nor mix the images of a batch in a game with a gradient penalty,
            as batch normalisation does.

    Layers of `layers.spectral_norm` in one's own players take their power iterations, once in each
    of the player's moves; Keras's `SpectralNormalization` is refused.
    """

    def __init__(
        self,
        image_shape,
        latent_dim=64,
        generator_hidden=(256, 128),
        discriminator_hidden=(256, 128),
        network="dense",
        game="non_saturating",
        average_half_life=10_000,
        num_classes=0,
        n_critic=1,
        spectral_norm=False,
        conditioning="concatenation",
        augmentation=None,
        generator=None,
        discriminator=None,
    ):
        super().__init__(
            image_shape, latent_dim, game, n_critic, average_half_life, num_classes, augmentation
        )
        check_hidden(generator_hidden, "generator_hidden")
        check_hidden(discriminator_hidden, "discriminator_hidden")
        self.generator_hidden = tuple(generator_hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.network = network
        self.spectral_norm = spectral_norm
        self.conditioning = conditioning
        check_conditioning(conditioning, num_classes)
        self.tell_own(generator=generator, discriminator=discriminator)
        if generator is None:
            generator, averaged = self._generator_network(), self._generator_network()
        else:
            sizes = (self.latent_dim,), self.num_classes
            check_custom("generator", generator, *sizes, self.image_shape, constant=False)
            check_end("generator", generator, "black is -1 and white is 1; end it in a tanh")
            self._check_norms("generator", generator)
            averaged = copied(generator, *sizes)
        if discriminator is None:
            discriminator = self._discriminator_network()
        elif conditioning == "auxiliary_classifier":
            raise UserError(
                "a discriminator of your own takes the labels and cannot be an auxiliary "
                "classifier; leave out the discriminator or the conditioning."
            )
        else:
            sizes = self.image_shape, self.num_classes, (1,)
            check_custom("discriminator", discriminator, *sizes, constant=False)
            check_end("discriminator", discriminator, "games take logits; end it in a linear layer")
            if spectral_norm:
                raise UserError(
                    "spectral_norm is not for a discriminator of your own; leave it out, and "
                    f"{SPECTRAL_LAYERS} if its kernels are to be divided by their norms."
                )
            self._check_norms("discriminator", discriminator)
            self.game.check(discriminator)
            if self.game.penalized and mixes_images(discriminator, image_shape, num_classes):
                raise UserError(
                    f"{type(self.game).__name__} penalises the discriminator's gradient at each "
                    "image, but this discriminator mixes the images of a batch; take one that does "
                    "not."
                )
        self.set_players(generator, averaged, discriminator)

    @staticmethod
    def _check_norms(role, player):
        """Raise `UserError` for spectral norms of Keras's in a user's own player."""
        for layer in player._flatten_layers():
            if isinstance(layer, keras.layers.SpectralNormalization):
                raise UserError(
                    f"the {role}'s layer '{layer.name}' is a SpectralNormalization, which "
                    "overwrites kernels whenever it is called in training, in the other player's "
                    f"moves too; {SPECTRAL_LAYERS}."
                )

    def _generator_network(self):
        batch_norm = "shared" if self.network == "convolutional" else None
        if self.conditioning == "projection":
            batch_norm = "conditional"
        network = decoder_network(
            self.network,
            self.latent_dim,
            self.generator_hidden,
            self.image_shape,
            self.num_classes,
            batch_norm,
        )
        images = keras.layers.Activation("tanh", dtype="float32")(network.output)
        return keras.Model(network.input, images, name="generator")

    def _discriminator_network(self):
        def features(images, one_hot):
            return hidden_layers(
                self.network,
                images,
                one_hot,
                self.discriminator_hidden,
                "leaky_relu",
                self.spectral_norm,
            )

        return discriminator_network(
            features,
            self.image_shape,
            self.num_classes,
            self.conditioning,
            dense=SpectralDense if self.spectral_norm else keras.layers.Dense,
            output_bias=not self.game.compares,
        )
