"""What the adversarial models share: the game of Goodfellow et al. (2014, arXiv:1406.2661).

Two networks play a game. The discriminator D tells training images from generated ones; the
generator G turns noise z ~ N(0, I) into images that D takes for real. What each of them minimises
is one of `tfgen.games`. One training step is the paper's algorithm 1:

    n_critic times:   D moves, against the images of fresh noise
    once:             G moves, with fresh noise, against the D that has moved

A conditional GAN shows the label to its players in one of the ways of `layers.conditioning`.

The density of the images is implicit: a GAN samples but does not score. What is sampled, saved and
exported is a moving average of the generator, batch normalisation included, as it wanders less.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgen import augmentation as augmentations
from tfgen import games
from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.images import asserted, check_labels, from_unit, to_unit
from tfgen.layers.networks import functional, inputs, pixel_network
from tfgen.layers.spectral_norm import iterate_norms
from tfgen.models.base import GenerativeModel
from tfgen.models.code_paths import code_path
from tfgen.models.latent import check_latents
from tfgen.sampling import noise as random_noise


class AdversarialModel(GenerativeModel):
    """Two players of a game; a subclass makes their networks and hands them to `set_players`.

    A batch of `fit` is dealt out to the discriminator's `n_critic` moves: each sees other images,
    so a batch of 320 gives five moves of 64 images. The generator makes as many as one move sees.
    Of a smaller last batch the moves have fewer images: `drop_remainder=True` leaves it out.
    All images of a batch count alike: `fit` refuses sample weights, which `evaluate` heeds.

    `fit` logs the means of "discriminator_loss" (without penalty and classes), "real_logit" and
    "fake_logit" in a step's last move of D, and of "generator_loss"; where there are such, also of
    "penalty", "class_loss" and "augmentation_probability". `evaluate` returns the two losses, and
    "class_loss". Neither has a "loss", as a game has none that falls: callbacks that monitor one,
    as `EarlyStopping` and `ModelCheckpoint` do "val_loss", need another `monitor`, such as
    "val_generator_loss", and a `mode`, such as "min"; no such key says which of two generators is
    the better. `TerminateOnNaN`, which has no other, is refused. Of two optimizers, callbacks that
    move the learning rate of one know nothing: give each a schedule, or set
    `model.generator_optimizer.learning_rate` and the other's in a callback.

    Attributes:
        latent_dim: length of the noise z.
        game: what the players minimise, a `Game`.
        n_critic: the discriminator's moves for each of the generator's.
        average_half_life: images after which the moving average has half forgotten; 0: no average.
            In the first steps of an optimizer it follows the generator more closely, or the initial
            weights would linger.
        augmentation: a `DifferentiableAugmentation` of `tfgen.augmentation`, through which the
            discriminator sees all images in training; or None.
        augmentation_probability: the current one, a weight; without augmentation there is none.
    """

    family = "GAN"
    optimizer_names = ("generator_optimizer", "discriminator_optimizer")

    def __init__(
        self,
        image_shape,
        latent_dim,
        game,
        n_critic,
        average_half_life,
        num_classes,
        augmentation=None,
    ):
        super().__init__(image_shape, num_classes)
        check_counts(latent_dim=latent_dim, n_critic=n_critic)
        check_numbers("[0, inf)", average_half_life=average_half_life)
        self.latent_dim = latent_dim
        self.game = games.get(game)
        self.n_critic = n_critic
        self.average_half_life = average_half_life
        self.augmentation = augmentation
        if augmentation is None:
            return
        if not isinstance(augmentation, augmentations.DifferentiableAugmentation):
            raise UserError(
                "augmentation must be one of tfgen.augmentation, or None, but is "
                f"{type(augmentation).__name__}."
            )
        augmentation.get_config()  # tells now what saving would
        self.augmentation_probability = self.add_weight(
            name="augmentation_probability",
            shape=(),
            initializer=keras.initializers.Constant(augmentation.probability),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",  # it is one number, and all replicas set it alike
        )

    def set_players(self, generator, averaged_generator, discriminator):
        """Keep the networks.

        Args:
            generator, averaged_generator: two networks of one make, noise (and labels) to images
                in [-1, 1].
            discriminator: images (and labels) to logits [b, 1]; of an auxiliary classifier, images
                to those and to the logits of the classes. Raises `UserError` unless the game can be
                played with it.
        """
        self.game.check(discriminator)
        self.generator = generator
        self.averaged_generator = averaged_generator
        self.averaged_generator.trainable = False
        self.averaged_generator.set_weights(self.generator.get_weights())
        self.discriminator = discriminator
        self.built = True

    def optimizer_variables(self, name):
        player = self.generator if name == "generator_optimizer" else self.discriminator
        return player.trainable_variables

    def updates_per_step(self, name):
        return self.n_critic if name == "discriminator_optimizer" else 1

    # The game

    def train_step(self, data):
        images, labels, _ = self.unpack(data)
        noise = self.step_noise()
        logs = {}
        for real, real_labels in self._deal(images, labels):
            logs |= self._move_discriminator(to_unit(real), real_labels, noise)
        logs |= self._move_generator(to_unit(real), real_labels, noise)
        self._average_generator(tf.shape(images)[0])
        return logs

    def _move_discriminator(self, real, labels, noise):
        iterate_norms(self.discriminator)
        class_losses = []

        def discriminator(images):
            logits, class_loss = self._judged(images, labels, noise)
            class_losses.append(class_loss)
            return logits

        fake = self._fake(real, labels, noise)
        with tf.GradientTape() as tape:
            real, fake = games.Judged(discriminator, real), games.Judged(discriminator, fake)
            class_loss = tf.reduce_mean(tf.add_n(class_losses))
            loss = tf.reduce_mean(self.game.discriminator_loss(real.logits, fake.logits))
            penalty = tf.reduce_mean(self.game.penalty(discriminator, real, fake, noise))
            scaled = self.scaled(loss + penalty + class_loss, "discriminator_optimizer")
        self._move(tape, scaled, "discriminator_optimizer")
        logs = {
            "discriminator_loss": loss,
            "real_logit": tf.reduce_mean(real.logits),
            "fake_logit": tf.reduce_mean(fake.logits),
        }
        if self.game.penalized:
            logs["penalty"] = penalty
        if self._classifies:
            logs["class_loss"] = class_loss
        if self.augmentation:
            p = self._adapt_augmentation(real.logits, fake.logits)
            logs["augmentation_probability"] = p
        return logs

    def _move_generator(self, real, labels, noise):
        iterate_norms(self.generator)
        real_logits = self._judged(real, labels, noise)[0] if self.game.pairs else None
        with tf.GradientTape() as tape:
            fake = self._fake(real, labels, noise)
            fake_logits, class_loss = self._judged(fake, labels, noise)
            loss = tf.reduce_mean(self.game.generator_loss(real_logits, fake_logits))
            scaled = self.scaled(loss + tf.reduce_mean(class_loss), "generator_optimizer")
        self._move(tape, scaled, "generator_optimizer")
        return {"generator_loss": loss}

    def _move(self, tape, loss, name):
        gradients = tape.gradient(loss, self.optimizer_variables(name))
        # No weight may move before all is computed. A linear loss leaves the order open, as its
        # gradient needs no logit, and now and then logits came from weights that had half moved.
        with tf.control_dependencies([loss, *gradients]):
            gradients = [tf.identity(gradient) for gradient in gradients]
        self.apply_gradients(gradients, name)

    def _deal(self, images, labels):
        """Yield the n_critic parts of a batch with their labels."""
        n = self.n_critic
        if n > 1:
            sentence = f"a batch must hold an image for each of the {n} moves of n_critic."
            if images.shape[0] is not None and images.shape[0] < n:
                raise UserError(sentence)
            images = asserted(images, tf.shape(images)[0] >= n, sentence)
        for part in range(n):
            # Every n-th row: of replicas whose rows are a multiple of n, the division of one.
            yield images[part::n], None if labels is None else labels[part::n]

    def _fake(self, real, labels, noise):
        """Return as many generated images as there are `real` ones, with batch statistics."""
        latents = noise.normal([tf.shape(real)[0], self.latent_dim])
        # A user's own generator may end in half precision.
        return tf.cast(self.generator(inputs(latents, labels), training=True), tf.float32)

    def _judged(self, images, labels, noise=None):
        """Return the discriminator's logits and the cross-entropy of the classes, float32 [b].

        Only an auxiliary classifier tells classes; the cross-entropy of others is zero. With the
        `StepNoise` of a training step, the images are augmented, and batches have their statistics.
        """
        training = noise is not None
        if training and self.augmentation:
            images = self.augmentation.augment(images, self.augmentation_probability.value, noise)
        if self._classifies:
            logits, classes = self.discriminator(images, training=training)
            return logits[:, 0], tf.nn.sparse_softmax_cross_entropy_with_logits(labels, classes)
        logits = self.discriminator(inputs(images, labels), training=training)[:, 0]
        logits = tf.cast(logits, tf.float32)
        return logits, tf.zeros_like(logits)

    @property
    def _classifies(self):
        # A user's own may be a subclass of `keras.Model`, which does not know its outputs.
        return len(getattr(self.discriminator, "outputs", None) or ()) > 1

    def _adapt_augmentation(self, real_logits, fake_logits):
        """Let the probability of augmentation follow a move, if it is adaptive; return it."""
        p = self.augmentation_probability
        if isinstance(self.augmentation, augmentations.AdaptiveAugmentation):
            context = tf.distribute.get_replica_context()
            r = tf.reduce_mean(self.game.verdict(real_logits, fake_logits))
            r = context.all_reduce(tf.distribute.ReduceOp.MEAN, r)
            images = tf.size(real_logits) * context.num_replicas_in_sync
            p.assign(self.augmentation.adapted(p.value, r, images))
        return tf.identity(p.value)

    def losses(self, images, labels, noise, training):
        """Return both players' losses on images, as they stand; no measure of sample quality."""
        latents = noise.normal([tf.shape(images)[0], self.latent_dim])
        fake_logits, fake_class_loss = self._judged(self.generator(inputs(latents, labels)), labels)
        real_logits, real_class_loss = self._judged(to_unit(images), labels)
        return {
            "discriminator_loss": self.game.discriminator_loss(real_logits, fake_logits),
            "generator_loss": self.game.generator_loss(real_logits, fake_logits),
            **({"class_loss": real_class_loss + fake_class_loss} if self._classifies else {}),
        }

    def _average_generator(self, batch):
        """Move the averaged generator towards the generator by one step's share of half-life.

        Early on it follows closely, as `training.average` does: of the generator's n moves so far,
        it keeps at most (1 + n) / (10 + n) of what it was.
        """
        context = tf.distribute.get_replica_context()
        seen = tf.cast(batch * context.num_replicas_in_sync, tf.float32)
        decay = 0.5 ** (seen / self.average_half_life) if self.average_half_life else 0.0 * seen
        moves = tf.cast(self.generator_optimizer.iterations.value, tf.float32)
        decay = tf.minimum(decay, (1 + moves) / (10 + moves))

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

    def generate(self, noise, labels=None, truncation=None):
        """Return the averaged generator's images, uint8 [b, h, w, c], in inference mode.

        With a `truncation` t, N(0, I) is truncated to |z| <= t (BigGAN, Brock et al. 2018,
        arXiv:1809.11096): the smaller, the less varied the images and, of a generator that takes
        it, the more typical. Each number keeps its quantile, so that a seed's image changes little
        by little with t.
        """
        latents = check_latents(noise, self.latent_dim, "noise")
        labels = check_labels(labels, self.num_classes, latents.shape[0] or tf.shape(latents)[0])
        if truncation is not None:
            _check_truncation(truncation)
            latents = truncated(latents, truncation)
        return from_unit(self.averaged_generator(inputs(latents, labels), training=False))

    def sample(self, n, seed=0, labels=None, batch_size=256, truncation=None):
        """As `GenerativeModel.sample`, with a `truncation`; see `generate`."""
        _check_truncation(truncation)
        return super().sample(n, seed, labels, batch_size, truncation=truncation)

    def interpolate(self, first, second, steps, labels=None, path="spherical", truncation=None):
        """Return the images of noise between that of two batches of seeds.

        Args:
            first, second: int32 [b]; their samples are the ends.
            steps: images a path, both ends included.
            labels: of both images of each pair, for a conditional model.
            path: "spherical", along the great circle, or "linear"; see `tfgen.models.code_paths`.
            truncation: of all the path's noise; see `generate`.

        Returns uint8 [b, steps, h, w, c]. Raises `UserError` for another path, fewer than two
        steps, a truncation that is not above 0, or seeds that are not two lists of as many
        integers.
        """
        seeds = [np.asarray(first), np.asarray(second)]
        if seeds[0].ndim != 1 or seeds[0].shape != seeds[1].shape:
            shapes = f"{list(seeds[0].shape)} and {list(seeds[1].shape)}"
            raise UserError(f"interpolation needs two lists of as many seeds, but got {shapes}.")
        if any(part.dtype.kind not in "iu" for part in seeds):
            kinds = f"{seeds[0].dtype.name} and {seeds[1].dtype.name}"
            raise UserError(f"seeds must be integers, but are {kinds}.")
        codes = code_path(path, *(self.noise(part) for part in seeds), steps)
        images = [self.generate(code, labels, truncation) for code in tf.unstack(codes, axis=1)]
        return tf.stack(images, axis=1)

    def plain_networks(self):
        # A generator with a linear output may go beyond the ends.
        def clipped(images):
            return keras.ops.clip(images, -1, 1)

        generator = functional(self.averaged_generator, self.latent_dim, self.num_classes)
        return {"generator": pixel_network(generator, clipped, "generator")}


def _check_truncation(truncation):
    if truncation is not None:
        check_numbers("(0, inf]", truncation=truncation)


def truncated(noise, truncation):
    """Return the numbers of the same quantiles of N(0, 1) truncated to |z| <= truncation."""
    z = tf.cast(noise, tf.float64) / math.sqrt(2)  # float32 would spoil the tails
    z = tf.math.erfinv(math.erf(truncation / math.sqrt(2)) * tf.math.erf(z)) * math.sqrt(2)
    return tf.clip_by_value(tf.cast(z, tf.float32), -truncation, truncation)
