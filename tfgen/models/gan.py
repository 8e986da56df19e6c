"""Generative adversarial networks (Goodfellow et al. 2014, arXiv:1406.2661).

Two networks play a game. The discriminator D tells training images from generated ones; the
generator G turns noise z ~ N(0, I) into images that D takes for real:

    min_G max_D   E_x [log D(x)] + E_z [log(1 - D(G(z)))]                       (equation 1)

D gives logits l, D(x) = sigmoid(l), so that log D = -softplus(-l) and log(1 - D) = -softplus(l).
In the game as written (`minimax`) G's gradient vanishes while D wins; the paper's remedy is to let
G maximise log D(G(z)) instead (`non_saturating`). A conditional GAN (Mirza & Osindero 2014) shows
the label to both players.

The density of the images is implicit: a GAN samples but does not score. What is sampled, saved and
exported is a moving average of the generator, batch normalisation included, as it wanders less.
"""

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import check_labels, from_unit, to_unit
from tfgen.layers.networks import decoder_network, encoder_network, inputs, pixel_network
from tfgen.models.base import GenerativeModel, register
from tfgen.models.latent import check_latents
from tfgen.sampling import noise as random_noise


def discriminator_loss(real, fake):
    """Return -[log D(x) + log(1 - D(G(z)))] from logits, one value per image."""
    return tf.nn.softplus(-real) + tf.nn.softplus(fake)


GENERATOR_LOSSES = {
    "minimax": lambda fake: -tf.nn.softplus(fake),  # log(1 - D(G(z)))
    "non_saturating": lambda fake: tf.nn.softplus(-fake),  # -log D(G(z))
}


@register
class GAN(GenerativeModel):
    """A GAN with dense networks (2014) or convolutional ones (after DCGAN, arXiv:1511.06434).

    The generator normalises its batches if it is convolutional; the discriminator never does, so
    that what it says of one image does not depend on the others.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the noise z.
        generator_hidden: sizes of the generator's layers, listed from the image to the noise.
        discriminator_hidden: sizes of the discriminator's layers, from the image on.
        network: "dense" or "convolutional"; see `layers.networks`.
        game: "minimax" or "non_saturating".
        average_half_life: images after which the moving average has half forgotten; 0: no average.
        num_classes: 0 for an unconditional model.
    """

    family = "GAN"
    optimizer_names = ("generator_optimizer", "discriminator_optimizer")

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
    ):
        super().__init__(image_shape, num_classes)
        if game not in GENERATOR_LOSSES:
            names = ", ".join(GENERATOR_LOSSES)
            raise UserError(f"game must be one of {names}, but is '{game}'.")
        self.latent_dim = latent_dim
        self.generator_hidden = tuple(generator_hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.network = network
        self.game = game
        self.average_half_life = average_half_life
        self.generator = self._generator_network()
        self.averaged_generator = self._generator_network()
        self.averaged_generator.trainable = False
        self.averaged_generator.set_weights(self.generator.get_weights())
        self.discriminator = encoder_network(
            network, self.image_shape, self.discriminator_hidden, 1, num_classes, "leaky_relu"
        )
        self.built = True

    def _generator_network(self):
        network = decoder_network(
            self.network,
            self.latent_dim,
            self.generator_hidden,
            self.image_shape,
            self.num_classes,
            batch_norm=self.network == "convolutional",
        )
        images = keras.layers.Activation("tanh", dtype="float32")(network.output)
        return keras.Model(network.input, images, name="generator")

    def optimizer_variables(self, name):
        player = self.generator if name == "generator_optimizer" else self.discriminator
        return player.trainable_variables

    # The game

    def train_step(self, data):
        images, labels, _ = self.unpack(data)
        noise = self.step_noise()
        shape = [tf.shape(images)[0], self.latent_dim]

        fake = self.generator(inputs(noise.normal(shape), labels), training=True)
        with tf.GradientTape() as tape:
            real_logits = self._logits(to_unit(images), labels)
            fake_logits = self._logits(fake, labels)
            d_loss = tf.reduce_mean(discriminator_loss(real_logits, fake_logits))
            scaled = self.scaled(d_loss, "discriminator_optimizer")
        gradients = tape.gradient(scaled, self.discriminator.trainable_variables)
        self.apply_gradients(gradients, "discriminator_optimizer")

        fresh = noise.normal(shape)
        with tf.GradientTape() as tape:
            fake = self.generator(inputs(fresh, labels), training=True)
            g_loss = tf.reduce_mean(GENERATOR_LOSSES[self.game](self._logits(fake, labels)))
            scaled = self.scaled(g_loss, "generator_optimizer")
        gradients = tape.gradient(scaled, self.generator.trainable_variables)
        self.apply_gradients(gradients, "generator_optimizer")

        self._average_generator(shape[0])
        return {
            "discriminator_loss": d_loss,
            "generator_loss": g_loss,
            "real_probability": tf.reduce_mean(tf.sigmoid(real_logits)),
            "fake_probability": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }

    def losses(self, images, labels, noise, training):
        """Return both players' losses on images, as they stand; no measure of sample quality."""
        latents = noise.normal([tf.shape(images)[0], self.latent_dim])
        fake_logits = self._logits(self.generator(inputs(latents, labels)), labels)
        real_logits = self._logits(to_unit(images), labels)
        return {
            "discriminator_loss": discriminator_loss(real_logits, fake_logits),
            "generator_loss": GENERATOR_LOSSES[self.game](fake_logits),
        }

    def _logits(self, images, labels):
        return self.discriminator(inputs(images, labels))[:, 0]

    def _average_generator(self, batch):
        """Move the averaged generator towards the generator by one step's share of half-life."""
        context = tf.distribute.get_replica_context()
        seen = tf.cast(batch * context.num_replicas_in_sync, tf.float32)
        decay = 0.5 ** (seen / self.average_half_life) if self.average_half_life else 0.0 * seen

        def update(strategy, decay):
            decay = strategy.experimental_local_results(decay)[0]
            for average, variable in zip(
                self.averaged_generator.variables, self.generator.variables, strict=True
            ):
                strategy.extended.update(
                    average.value,
                    lambda old, new: old.assign(new + tf.cast(decay, new.dtype) * (old - new)),
                    args=(variable.value,),
                )

        context.merge_call(update, args=(decay,))

    # Sampling

    def noise(self, seeds):
        """Return the noise z of int32 seeds [b], float32 [b, latent_dim]."""
        return random_noise.normal(seeds, [self.latent_dim])

    def generate(self, noise, labels=None):
        """Return the averaged generator's images, uint8 [b, h, w, c], in inference mode."""
        latents = check_latents(noise, self.latent_dim)
        labels = check_labels(labels, self.num_classes, latents.shape[0] or tf.shape(latents)[0])
        return from_unit(self.averaged_generator(inputs(latents, labels), training=False))

    def plain_networks(self):
        return {"generator": pixel_network(self.averaged_generator, lambda x: x, "generator")}
