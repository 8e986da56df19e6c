"""What the models with codes share: reconstructions, paths and traversals in the space of codes."""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import check_images, check_labels
from tfgen.layers.networks import decoder_network, encoder_network, functional
from tfgen.layers.own_networks import check_custom
from tfgen.models.base import GenerativeModel, in_batches
from tfgen.models.code_paths import code_path, traversal


class LatentModel(GenerativeModel):
    """Images explained by latent codes, float32 [b, latent_dim]."""

    def set_networks(self, features, maps, encoder, decoder):
        """Set the `encoder`, to [b, features], and the `decoder`, to [b, h, w, maps].

        Either is a user's own, which is checked, or None: then it is made as `network` and `hidden`
        say.
        """
        shape, classes = self.image_shape, self.num_classes
        outputs = (*shape[:2], maps)
        self.tell_own(encoder=encoder, decoder=decoder)
        if encoder is None:
            encoder = encoder_network(self.network, shape, self.hidden, features, classes)
        else:
            check_custom("encoder", encoder, shape, classes, (features,))
        if decoder is None:
            sizes = self.latent_dim, self.hidden, outputs
            decoder = decoder_network(self.network, *sizes, classes)
        else:
            check_custom("decoder", decoder, (self.latent_dim,), classes, outputs)
        self.encoder, self.decoder = encoder, decoder

    def functional_decoder(self):
        return functional(self.decoder, self.latent_dim, self.num_classes)

    def encode(self, images, labels=None):
        """Return the codes of images, float32 [b, latent_dim]; deterministic."""
        raise NotImplementedError

    def decode(self, latents, labels=None):
        """Return the images of codes, uint8 [b, h, w, c]; deterministic."""
        raise NotImplementedError

    def reconstruct(self, images, labels=None):
        """Return what remains of images after encoding and decoding, uint8 [b, h, w, c]."""
        return self.decode(self.encode(images, labels), labels)

    def interpolate(self, first, second, steps, labels=None, path="linear"):
        """Return the images of codes between those of two batches of images.

        Args:
            first, second: uint8 [b, h, w, c]; their reconstructions are the ends.
            steps: images a path, both ends included.
            labels: of both images of each pair, for a conditional model.
            path: "linear", the straight line between the codes, or "spherical", along the great
                circle (White 2016, arXiv:1609.04468); see `tfgen.models.code_paths`.

        Returns uint8 [b, steps, h, w, c]. Raises `UserError` for another path, fewer than two
        steps, or batches of different shapes.
        """
        first, second = (check_images(images, self.image_shape) for images in (first, second))
        if len(first) != len(second):
            shapes = f"{list(first.shape)} and {list(second.shape)}"
            raise UserError(f"interpolation needs two batches of one shape, but got {shapes}.")
        start, end = self.encode(first, labels), self.encode(second, labels)
        codes = code_path(path, start, end, steps)
        return tf.stack([self.decode(code, labels) for code in tf.unstack(codes, axis=1)], axis=1)

    def traverse(self, images, dimensions, values, labels=None):
        """Return what each of some coordinates of the code does to images.

        Args:
            images: uint8 [b, h, w, c].
            dimensions: the coordinates to change, one at a time, integers in 0..latent_dim-1.
            values: what each coordinate is set to in turn; not added to what it was.
            labels: for a conditional model.

        Returns uint8 [b, len(dimensions), len(values), h, w, c]. Raises `UserError` for a dimension
        that the code has not, and unless `dimensions` and `values` are lists of numbers.
        """
        codes = traversal(self.encode(images, labels), dimensions, values)
        _, rows, steps, size = codes.shape
        labels = tf.repeat(labels, steps) if np.ndim(labels) else labels
        decoded = [self.decode(tf.reshape(codes[:, k], [-1, size]), labels) for k in range(rows)]
        return tf.stack([tf.reshape(x, [-1, steps, *self.image_shape]) for x in decoded], axis=1)

    def active_units(self, images, labels=None, batch_size=256):
        """Return the variance over images of each number of their codes, numpy [latent_dim].

        A unit is called active where it exceeds 0.01 (Burda et al. 2015, arXiv:1509.00519, section
        5.2). Raises `UserError` for fewer than two images.
        """
        if len(images) < 2:
            raise UserError(f"a variance needs at least 2 images, but got {len(images)}.")
        labels = check_labels(labels, self.num_classes, len(images))
        return np.var(in_batches(self.encode, images, labels, batch_size=batch_size), axis=0)

    def endpoints(self):
        def encode(images, labels=None):
            return {"latents": self.encode(images, labels)}

        def decode(latents, labels=None):
            return {"images": self.decode(latents, labels)}

        def reconstruct(images, labels=None):
            return {"images": self.reconstruct(images, labels)}

        images = [self._image_spec(), *self._label_spec()]
        latents = tf.TensorSpec([None, self.latent_dim], tf.float32, name="latents")
        return {
            **super().endpoints(),
            "encode": (encode, images),
            "decode": (decode, [latents, *self._label_spec()]),
            "reconstruct": (reconstruct, images),
        }


def check_latents(latents, latent_dim, name="latents"):
    """Return `latents` as float32 after checking that they are finite floats [b, latent_dim]."""
    wanted = f"{name} must be floats of shape [batch, {latent_dim}], but are"
    try:
        latents = tf.convert_to_tensor(latents)
    except (TypeError, ValueError):
        raise UserError(f"{wanted} no array.") from None
    if not latents.dtype.is_floating or latents.shape.rank != 2 or latents.shape[1] != latent_dim:
        raise UserError(f"{wanted} {latents.dtype.name} of shape {list(latents.shape)}.")
    if tf.executing_eagerly() and not np.all(np.isfinite(latents)):
        raise UserError(f"{name} must be finite, but some are not.")
    return tf.cast(latents, tf.float32)
