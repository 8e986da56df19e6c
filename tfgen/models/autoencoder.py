"""Autoencoder (Hinton & Salakhutdinov 2006, Science 313) with a density fitted to its codes.

An encoder squeezes the image into a short code and a decoder rebuilds it; both learn to make the
squared (L2) error of the reconstruction small:

    loss = || x - decoder(encoder(x)) ||^2

A denoising autoencoder (Vincent et al. 2008, ICML) sees a corrupted image in training, and learns
to rebuild the clean one:

    loss = || x - decoder(encoder(x~)) ||^2,   x~ ~ q(x~ | x)

so that copying is not enough: what is lost must be guessed from the rest.

Nothing here says which codes are likely: an autoencoder has no prior, and so is no generative
model by itself. To draw images, a mixture of Gaussians is fitted to the codes of the training
images afterwards (`fit_density`), and codes drawn from it are decoded.
"""

import keras
import numpy as np
import tensorflow as tf
from sklearn.mixture import GaussianMixture

from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.images import check_labels, from_unit, to_unit
from tfgen.layers.networks import check_hidden, pixel_network
from tfgen.layers.own_networks import check_end
from tfgen.models.base import in_batches, register
from tfgen.models.latent import LatentModel, check_latents
from tfgen.sampling import noise as random_noise


def gaussian(x, level, noise):
    """Add normal noise of standard deviation `level` to images in [-1, 1]."""
    return x + level * noise.normal([tf.shape(x)[0], *x.shape[1:]])


def masking(x, level, noise):
    """Set each pixel, all its channels, to black with probability `level`.

    The paper sets a fixed number of an image's values to zero.
    """
    uniforms = noise.uniform([tf.shape(x)[0], *x.shape[1:3], 1])
    return tf.where(uniforms < level, tf.constant(-1.0), x)


CORRUPTIONS = {"gaussian": gaussian, "masking": masking}


@register
class Autoencoder(LatentModel):
    """An L2 autoencoder with dense, convolutional or a user's own networks.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the code.
        hidden: units of each dense layer, or filters of each convolution (stride 2 but the first).
        network: "dense" or "convolutional".
        num_components: Gaussians in the density of the codes.
        corruption: of the encoder's input in training: None, "gaussian" (noise is added) or
            "masking" (pixels are set to black).
        corruption_level: the noise's standard deviation, where black is -1 and white is 1; or the
            probability that a pixel is masked.
        encoder: a Keras model instead of `network`, from float images [b, h, w, c] in [-1, 1] to
            codes [b, latent_dim].
        decoder: a Keras model instead of `network`, from codes [b, latent_dim] to images
            [b, h, w, c] in [-1, 1].
    """

    family = "autoencoder"

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        hidden=(256, 256),
        network="dense",
        num_components=1,
        corruption=None,
        corruption_level=0.0,
        encoder=None,
        decoder=None,
    ):
        super().__init__(image_shape)
        check_counts(latent_dim=latent_dim, num_components=num_components)
        check_hidden(hidden)
        check_corruption(corruption, corruption_level)
        self.latent_dim = latent_dim
        self.hidden = tuple(hidden)
        self.network = network
        self.num_components = num_components
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.set_networks(latent_dim, self.image_shape[-1], encoder, decoder)
        check_end(
            "decoder",
            self.decoder,
            "black is -1 and white is 1; end it in tanh or leave the activation out",
        )
        self.density = CodeDensity(num_components, latent_dim)
        self.built = True

    # Training

    def losses(self, images, labels, noise, training):
        x = to_unit(images)
        seen = x
        if training and self.corruption:
            seen = CORRUPTIONS[self.corruption](x, self.corruption_level, noise)
        error = x - tf.cast(self.decoder(self.encoder(seen)), tf.float32)
        return {"loss": tf.reduce_sum(tf.square(error), axis=[1, 2, 3])}

    def adapt(self, images, labels=None):
        """Start the decoder at the mean training image (numpy uint8 [n, h, w, c])."""
        super().adapt(images, labels)
        if "decoder" in self.own_networks:
            return
        output = self.decoder.get_layer("output")
        mean = images.mean(axis=0, dtype=np.float64) / 127.5 - 1
        if self.network == "convolutional":
            mean = mean.mean(axis=(0, 1))
        output.bias.assign(mean.reshape(output.bias.shape))

    def finish(self, images):
        self.fit_density(images)

    def fit_density(self, images, seed=0):
        """Fit the mixture of Gaussians to the codes of numpy uint8 images [n, h, w, c].

        Raises `UserError` when there are fewer images than the mixture has components.
        """
        if len(images) < max(2, self.num_components):
            raise UserError(
                f"{len(images)} images are too few to fit {self.num_components} Gaussians to."
            )
        self.density.fit(in_batches(self.encode, images), seed)

    # Codes

    def encode(self, images, labels=None):
        """Return the codes of uint8 images, float32 [b, latent_dim]."""
        images, _ = self._check(images, labels)
        return tf.cast(self.encoder(to_unit(images)), tf.float32)

    def decode(self, latents, labels=None):
        """Return the images of codes [b, latent_dim], uint8 [b, h, w, c]."""
        check_labels(labels, self.num_classes, None)
        return from_unit(self.decoder(check_latents(latents, self.latent_dim)))

    # Sampling

    def noise(self, seeds):
        """Return (uniforms [b], normals [b, latent_dim]): which Gaussian, and where in it."""
        uniforms = random_noise.uniform(seeds, [1])[:, 0]
        return uniforms, random_noise.normal(seeds, [self.latent_dim], stream=1)

    def generate(self, noise, labels=None):
        """Return the images of codes drawn from the fitted density, uint8 [b, h, w, c].

        Raises `UserError` before `fit_density`.
        """
        return self.decode(self.density.draw(*noise), labels)

    def plain_networks(self):
        return {
            "decoder": pixel_network(self.functional_decoder(), lambda x: keras.ops.clip(x, -1, 1))
        }


def check_corruption(corruption, level):
    """Raise `UserError` unless `corruption` is a known kind, or None, and `level` fits it."""
    if corruption is None:
        if level:
            raise UserError(f"corruption_level is {level}, but no corruption is given.")
        return
    if corruption not in CORRUPTIONS:
        kinds = ", ".join(CORRUPTIONS)
        raise UserError(f"corruption must be None or one of {kinds}, but is '{corruption}'.")
    check_numbers("(0, 1)" if corruption == "masking" else "(0, inf)", corruption_level=level)


@keras.saving.register_keras_serializable(package="tfgen")
class CodeDensity(keras.layers.Layer):
    """A mixture of full-covariance Gaussians over codes, kept as weights."""

    def __init__(self, num_components, latent_dim, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        k, d = num_components, latent_dim

        def weight(name, shape):
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        self.cumulative = weight("cumulative", [k])  # of the components' weights
        self.means = weight("means", [k, d])
        self.factors = weight("factors", [k, d, d])  # Cholesky factors of the covariances
        self.built = True

    def fit(self, codes, seed):
        mixture = GaussianMixture(self.means.shape[0], random_state=seed, reg_covar=1e-4)
        mixture.fit(codes.astype(np.float64))
        self.cumulative.assign(np.cumsum(mixture.weights_))
        self.means.assign(mixture.means_)
        self.factors.assign(np.linalg.cholesky(mixture.covariances_))

    def draw(self, uniforms, normals):
        """Return the codes [b, d] that uniforms [b] and standard normals [b, d] stand for."""
        with tf.init_scope():
            if not np.any(self.cumulative.numpy()):
                raise UserError(
                    "an autoencoder has no prior to sample from; "
                    "call fit_density(training_images) first."
                )
        below = tf.cast(uniforms[:, None] >= self.cumulative[:-1], tf.int32)
        component = tf.reduce_sum(below, axis=1)
        factors = tf.gather(self.factors, component)
        return tf.gather(self.means, component) + tf.linalg.matvec(factors, normals)
