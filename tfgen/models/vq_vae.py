"""VQ-VAE (van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937).

The code of an image is a small map of symbols. The encoder's vector at each place of the map
becomes the nearest of the K embeddings of a codebook, and the decoder sees these alone:

    x -> encoder -> z_e -> nearest embedding -> z_q -> decoder -> p(x | z_q)
                            |
                            codes c, whose distribution p(c) is a PixelCNN's

The gradient by z_q is taken as that by z_e (straight through), the embeddings are moving averages
(appendix A.1), and z_e is held near its embedding by equation 3's last term,

    loss = -log p(x | z_q(c)) + beta || z_e - sg[z_q] ||^2 - log p(c)

Since an image has one code, c(x), log p(x | c(x)) + log p(c(x)) is one term of the sum over codes
that is p(x): a true lower bound on log p(x), with nothing drawn.

Two things are not the paper's. Its prior is fitted when the rest is done; ours learns in the same
steps from the codes as they are, so that one run gives the whole model. No gradient of it reaches
the encoder, which comes to rest as the learning rate falls to zero. The codebook does not: its
averages follow every batch to the end, and dead codes, our other addition, start anew (see
`layers.quantizer`). So the prior ends as one fitted to codes that still move a little.

An average of the weights (`training.average`) holds the codebook too, so that averaged encoder,
embeddings, decoder and prior fit together.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.images import (
    check_images,
    check_labels,
    from_levels,
    from_unit,
    grid_to_unit,
    to_levels,
    to_unit,
)
from tfgen.layers.networks import (
    check_hidden,
    cropped,
    halved_sizes,
    pixel_network,
    set_output_bias,
)
from tfgen.layers.quantizer import VectorQuantizer
from tfgen.likelihoods import Categorical, DiscretizedLogisticMixture
from tfgen.likelihoods.base import Likelihood
from tfgen.models.autoregressive import nothing_known
from tfgen.models.base import register
from tfgen.models.latent import LatentModel, check_latents
from tfgen.models.pixelcnn import PixelCNN
from tfgen.values import check_value


def encoder_network(image_shape, hidden, num_residual, embedding_dim):
    """Return a model from float images [b, h, w, c] to maps of vectors [b, h', w', d].

    3x3 convolutions of `hidden` filters, all but the first with stride 2, and residual blocks.
    """
    images = x = keras.Input(image_shape, name="images")
    for index, filters in enumerate(hidden):
        if index and min(x.shape[1:3]) == 1:
            raise UserError(
                f"hidden lists {len(hidden)} layers, of which all but the first halve the map, but "
                f"{image_shape[0]}x{image_shape[1]} images can be halved {index - 1} times only."
            )
        x = layers.Conv2D(filters, 3, 2 if index else 1, padding="same")(x)
        if index < len(hidden) - 1:
            x = layers.ReLU()(x)
    x = _residual_blocks(x, num_residual)
    x = layers.Conv2D(embedding_dim, 1, dtype="float32", name="output")(x)
    return keras.Model(images, x, name="encoder")


def decoder_network(sizes, embedding_dim, hidden, num_residual, outputs):
    """Return a model from flat maps of vectors [b, h' * w' * d] to maps [b, h, w, outputs].

    Args: sizes: (height, width) after each layer of the encoder, which this one mirrors.
    """
    shape = (*sizes[-1], embedding_dim)
    latents = keras.Input((int(np.prod(shape)),), name="latents")
    x = layers.Conv2D(hidden[-1], 3, padding="same")(layers.Reshape(shape)(latents))
    x = _residual_blocks(x, num_residual)
    for filters, size in zip(hidden[-2::-1], sizes[-2::-1], strict=True):
        x = layers.ReLU()(layers.Conv2DTranspose(filters, 4, 2, padding="same")(x))
        x = cropped(x, size)
    x = layers.Conv2D(outputs, 3, padding="same", dtype="float32", name="output")(x)
    return keras.Model(latents, x, name="decoder")


def _residual_blocks(x, number):
    for _ in range(number):
        inner = layers.Conv2D(x.shape[-1], 3, padding="same")(layers.ReLU()(x))
        x = layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(layers.ReLU()(inner))])
    return layers.ReLU()(x)


@register
class VQVAE(LatentModel):
    """A VQ-VAE with its PixelCNN prior.

    Of a conditional model, the prior alone sees the labels: encoding and decoding do without, and
    accept them for the sake of the other models' interface. The public code of an image is the
    flat map of embeddings, [b, h' * w' * embedding_dim]; `codes` gives the symbols.

    Args:
        image_shape: (height, width, channels).
        embedding_dim: length d of an embedding.
        num_codes: embeddings in the codebook, in 2..256.
        hidden: filters of each convolution (stride 2 but the first).
        num_residual: residual blocks of the encoder, and of the decoder.
        commitment: beta.
        decay: of the codebook's moving averages.
        likelihood: p(x | z) for each pixel, a `Likelihood`.
        prior_channels: the prior's `hidden_channels`.
        prior_blocks: the prior's `num_blocks`.
        num_classes: 0 for an unconditional model.

    Attributes:
        code_shape: (h', w').
        latent_dim: h' * w' * embedding_dim.
    """

    family = "VAE"

    def __init__(
        self,
        image_shape,
        embedding_dim=16,
        num_codes=128,
        hidden=(32, 64),
        num_residual=2,
        commitment=0.25,
        decay=0.99,
        likelihood=None,
        prior_channels=32,
        prior_blocks=6,
        num_classes=0,
    ):
        super().__init__(image_shape, num_classes)
        check_hidden(hidden)
        check_counts(prior_channels=prior_channels, prior_blocks=prior_blocks)
        check_counts(minimum=0, num_residual=num_residual)
        check_numbers("[0, inf)", commitment=commitment)
        if likelihood is not None:
            check_value(likelihood, Likelihood, "likelihood", "tfgen.likelihoods.Bernoulli()")
        self.embedding_dim, self.num_codes = embedding_dim, num_codes
        self.hidden, self.num_residual = tuple(hidden), num_residual
        self.commitment, self.decay = commitment, decay
        self.likelihood = likelihood or DiscretizedLogisticMixture(levels=256, num_mixtures=1)
        self.prior_channels, self.prior_blocks = prior_channels, prior_blocks
        self.quantizer = VectorQuantizer(num_codes, embedding_dim, decay)
        self.encoder = encoder_network(self.image_shape, self.hidden, num_residual, embedding_dim)
        sizes = halved_sizes(self.image_shape[:2], len(self.hidden) - 1)
        self.code_shape = sizes[-1]
        self.latent_dim = self.code_shape[0] * self.code_shape[1] * embedding_dim
        outputs = self.likelihood.num_parameters(self.image_shape[-1])
        self.decoder = decoder_network(sizes, embedding_dim, self.hidden, num_residual, outputs)
        self.prior = PixelCNN(
            (*self.code_shape, 1),
            prior_channels,
            prior_blocks,
            Categorical(num_codes),
            num_classes,
            embedding_dim,  # codes have no order
        )
        self.built = True

    # Training

    def losses(self, images, labels, noise, training):
        """Return each image's loss and its parts, float32 [b] each, in nats.

        The paper's terms are means, over pixels and over the dimensions of z_e. Ours is the sum
        over the image's D pixels and channels, so that the bound comes out, and the commitment
        term's mean is scaled alike: beta D mean (z_e - sg[z_q])^2. In evaluation "loss" leaves the
        commitment out: it is the negative ELBO, and selects on it.
        """
        return self._losses_of(self.encoder(to_unit(images)), images, labels, noise, training)

    def _losses_of(self, encoded, images, labels, noise, training):
        quantized, codes = self.quantizer(encoded)
        reconstruction = -self._log_likelihood(images, self._flat(quantized))
        distance = tf.square(encoded - tf.stop_gradient(quantized))
        scale = self.commitment * float(np.prod(self.image_shape))
        commitment = scale * tf.reduce_mean(distance, axis=[1, 2, 3])
        prior = self.prior.losses(self._as_images(codes), labels, noise, training)["loss"]
        return {
            "loss": reconstruction + prior + (commitment if training else 0.0),
            "reconstruction": reconstruction,
            "commitment": commitment,
            "prior": prior,
        }

    def train_step(self, data):
        images, labels, _ = self.unpack(data)
        noise = self.step_noise()
        with tf.GradientTape() as tape:
            encoded = self.encoder(to_unit(images))
            losses = self._losses_of(encoded, images, labels, noise, training=True)
            loss = self.scaled(tf.reduce_mean(losses["loss"]))
        self.apply_gradients(tape.gradient(loss, self.trainable_variables))
        self.quantizer.update(encoded, noise)
        return {name: tf.reduce_mean(value) for name, value in losses.items()}

    def adapt(self, images, labels=None):
        """Start the decoder at the mean training image and the codebook at encoded images."""
        super().adapt(images, labels)
        set_output_bias(self.decoder, self.likelihood, images)
        few = images[: max(256, self.num_codes)]
        vectors = np.asarray(self.encoder(to_unit(few))).reshape(-1, self.embedding_dim)
        self.quantizer.seat(vectors)

    # Scores

    def rate_distortion(self, images, seeds=None, labels=None):
        """Return (rate, distortion) of uint8 images in nats, float32 [b] each.

        The bound's two parts, -ELBO = rate + distortion: what the codes cost, -log p(c), and what
        the image costs given them, -log p(x | c). Exact, with nothing drawn; `seeds` are accepted
        since other models need them.
        """
        images, labels = self._check(images, labels)
        losses = self.losses(images, labels, None, training=False)
        return losses["prior"], losses["reconstruction"]

    def elbo(self, images, seeds=None, labels=None):
        """Return log p(x | c) + log p(c) of uint8 images in nats, float32 [b]: a lower bound.

        Exact, with nothing drawn; `seeds` are accepted since other models need them.
        """
        rate, distortion = self.rate_distortion(images, seeds, labels)
        return -rate - distortion

    def _log_likelihood(self, images, latents):
        """Return log p(x | z) in nats, float32 [b], summed over pixels and channels."""
        levels = to_levels(images, self.likelihood.levels)
        return tf.reduce_sum(self.likelihood.log_prob(self.decoder(latents), levels), [1, 2, 3])

    def code_usage(self, images, batch_size=256):
        """Return how often each code stands in those of uint8 images, numpy int64 [num_codes]."""
        counts = np.zeros([self.num_codes], np.int64)
        for start in range(0, len(images), batch_size):
            codes = np.asarray(self.codes(images[start : start + batch_size]))
            counts += np.bincount(codes.ravel(), minlength=self.num_codes)
        return counts

    # Codes

    def codes(self, images):
        """Return the codes of uint8 images, int32 [b, h', w'] in 0..num_codes-1."""
        images = check_images(images, self.image_shape)
        return self.quantizer.nearest(self.encoder(grid_to_unit(images, self.likelihood.levels)))

    def encode(self, images, labels=None):
        """Return the embeddings of the codes of uint8 images, float32 [b, latent_dim]."""
        codes = self.codes(images)
        self._check_unused(labels, codes)
        return self._flat(self.quantizer.lookup(codes))

    def decode(self, latents, labels=None):
        """Return the mean of p(x | z), uint8 [b, h, w, c], for float vectors [b, latent_dim].

        They are taken as they are, so what lies between two embeddings can be looked at.
        """
        latents = check_latents(latents, self.latent_dim)
        self._check_unused(labels, latents)
        return from_unit(self.likelihood.mean(self.decoder(latents)))

    # Sampling

    def noise(self, seeds):
        """Return the prior's uniform number for each code, float32 [b, h', w', 1]."""
        return self.prior.noise(seeds)

    def generate(self, noise, labels=None):
        """Return the mean images of the codes that the uniforms draw, uint8 [b, h, w, c]."""
        drawn = to_levels(self.prior.generate(noise, labels), self.num_codes)
        return self._image_of(drawn)

    def _image_of(self, drawn):
        """Return the mean images of codes [b, h', w', 1], uint8 [b, h, w, c]."""
        return self.decode(self._flat(self.quantizer.lookup(drawn[..., 0])))

    # Export

    def endpoints(self):
        fill = self.prior.portable_fill()

        def sample(seeds, labels=None):
            return {"images": self._image_of(fill(*nothing_known(self.noise(seeds), labels)))}

        def elbo(images, labels=None):
            return {"elbo": self.elbo(images, labels=labels)}

        endpoints = super().endpoints()
        return {
            **endpoints,
            "sample": (sample, endpoints["sample"][1]),
            "elbo": (elbo, [self._image_spec(), *self._label_spec()]),
        }

    def plain_networks(self):
        return {"decoder": pixel_network(self.decoder, self.likelihood.mean)}

    # Pieces

    def _flat(self, vectors):
        return tf.reshape(vectors, [-1, self.latent_dim])

    def _as_images(self, codes):
        """Return codes [b, h', w'] as the prior's images, uint8 [b, h', w', 1]."""
        return from_levels(codes[..., None], self.num_codes)

    def _check_unused(self, labels, rows):
        """Refuse wrong labels where right ones would not matter."""
        if labels is not None:
            check_labels(labels, self.num_classes, rows.shape[0] or tf.shape(rows)[0])
