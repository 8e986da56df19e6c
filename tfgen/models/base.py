"""The contracts of the zoo: what every generative model does, and what each family adds.

GenerativeModel            noise, generate, sample, fit, save, export
├── TractableModel         log_prob: exact log-likelihood
├── LatentModel            (latent.py) encode, decode, reconstruct, interpolate, traverse
└── AdversarialModel       (adversarial.py) implicit: a generator and its discriminator
"""

import contextlib
import inspect

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, check_counts
from tfgen.images import check_image_shape, check_images, check_labels, to_levels
from tfgen.models.distributed_fit import DistributedFit
from tfgen.sampling import noise as random_noise

REGISTRY = {}
NETWORKS = ("encoder", "decoder", "generator", "discriminator")  # where a model takes a user's own
CHECKED_AT_ONCE = 1024  # images


def register(model_class):
    """Register a model class with Keras and with the list of tfgen's models."""
    REGISTRY[model_class.__name__] = model_class
    return keras.saving.register_keras_serializable(package="tfgen")(model_class)


class GenerativeModel(DistributedFit, keras.Model):
    """A model of images, uint8 [batch, height, width, channels].

    A subclass's constructor takes plain values (or registered Keras objects), keeps each as an
    attribute of the same name, builds every layer, and ends with `self.built = True`.

    Attributes:
        image_shape: (height, width, channels).
        num_classes: number of classes of a conditional model, 0 for an unconditional one.
        family: the model's place on the map of the field, in a word or two.
        likelihood: of a pixel, a `Likelihood`; None in a model without one.
    """

    family = "generative model"
    likelihood = None
    own_networks = ()  # names of those that a user gave

    def __init__(self, image_shape, num_classes=0):
        super().__init__()
        self.image_shape = check_image_shape(image_shape)
        check_counts(minimum=0, num_classes=num_classes)
        self.num_classes = int(num_classes)

    # Sampling

    def noise(self, seeds):
        """Return the noise, leading dimension b, that int32 `seeds` [b] stand for."""
        raise NotImplementedError

    def generate(self, noise, labels=None):
        """Turn noise into images, uint8 [b, h, w, c]; a deterministic function."""
        raise NotImplementedError

    def sample(self, n, seed=0, labels=None, batch_size=256, **settings):
        """Draw `n` images; image k is that of the seed `seed + k`, whatever the batch size, but
        for the rounding of the last bits.

        Args:
            n: number of images.
            seed: the first image's seed.
            labels: for a conditional model, one class or [n] classes in 0..num_classes-1.
            batch_size: how many images are made at a time.
            settings: what else the model's `generate` takes.

        Returns numpy uint8 [n, h, w, c].
        """
        check_counts(n=n, batch_size=batch_size)
        labels = check_labels(labels, self.num_classes, n)
        seeds = random_noise.check_seeds(np.arange(seed, seed + n), n).numpy()

        def generate(seeds, labels):
            return self.generate(self.noise(seeds), labels, **settings)

        return in_few_sizes(generate, seeds, labels, batch_size=batch_size)

    def call(self, inputs, **settings):
        """Raise `UserError`, from `model(images)` and `predict` too: no one output is a model's."""
        offered = ", ".join(name for name in self.endpoints() if hasattr(self, name))
        raise UserError(
            f"a {type(self).__name__} is not called on images; call one of its methods: {offered}."
        )

    # Training

    def losses(self, images, labels, noise, training):
        """Return a dict of float32 [batch] values, "loss" among them, that training minimises.

        Args:
            images: uint8 [b, h, w, c].
            labels: int32 [b], or None for an unconditional model.
            noise: the `StepNoise` to draw from.
            training: False in evaluation.
        """
        raise NotImplementedError

    def train_step(self, data):
        images, labels, _ = self.unpack(data)
        losses, gradients = self.gradients(images, labels, self.step_noise())
        self.apply_gradients(gradients)
        return {name: tf.reduce_mean(value) for name, value in losses.items()}

    def gradients(self, images, labels, noise):
        """Return (`losses`, the gradient of their mean "loss" by each trainable variable)."""
        with tf.GradientTape() as tape:
            losses = self.losses(images, labels, noise, training=True)
            loss = self.scaled(tf.reduce_mean(losses["loss"]))
        return losses, tape.gradient(loss, self.trainable_variables)

    def test_step(self, data, index=0):
        images, labels, _ = self.unpack(data)
        return self.losses(images, labels, self.replica_noise(0, index), training=False)

    def unpack(self, data):
        """Split a batch of `fit` into images, labels (or None) and weights, and check them.

        A batch is `images`, `(images, labels)` or `(images, labels, weights)`; an unconditional
        model ignores the labels, so that one dataset serves all models.
        """
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        images, labels = self._check(images, labels if self.num_classes else None)
        weights = tf.ones_like(images[:, 0, 0, 0]) if weights is None else weights
        return images, labels, tf.cast(weights, tf.float32)

    def adapt(self, images, labels=None):
        """Set what follows from the training images before training; numpy uint8 [n, h, w, c].

        `labels`, int [n], are those of a conditional model. Raises `UserError` as `check_data`.
        """
        self.check_data(images, labels)

    def check_data(self, images, labels=None):
        """Raise `UserError` unless a step can train with each of the images and labels.

        Args:
            images: uint8 [n, h, w, c], on the likelihood's grid.
            labels: int [n]; None where there are none to check.
        """
        if self.num_classes and labels is not None:
            check_labels(labels, self.num_classes, len(images))
        for start in range(0, len(images), CHECKED_AT_ONCE):
            part = check_images(images[start : start + CHECKED_AT_ONCE], self.image_shape)
            if self.likelihood:
                to_levels(part, self.likelihood.levels)

    def finish(self, images):
        """Set what follows from the training images after training; numpy uint8 [n, h, w, c]."""

    def end_warmup(self):
        """Leave out from now on what only the first steps of a training need."""

    # Saving and export

    def export(self, filepath, format="tf_saved_model", verbose=None):
        """Write a SavedModel with each of the `endpoints` as a signature to a new folder.

        Args:
            filepath: the folder; TF Serving takes it for a version, such as "digits/1".
            format: "tf_saved_model".
            verbose: of Keras; nothing is printed.

        `sample` is the `serving_default`; see `tfgen.export.saved_model`. Raises `UserError` for
        other formats, where the folder is there already, and if it cannot be written.
        """
        if format != "tf_saved_model":
            raise UserError(f"a {self.family} is exported as 'tf_saved_model', not as {format!r}.")
        from tfgen.export import saved_model  # which imports the models

        saved_model.write(self, filepath)

    def get_config(self):
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        config = {name: _plain(self.constructor_value(name)) for name in names}
        return {**config, "dtype": keras.saving.serialize_keras_object(self.dtype_policy)}

    def config_for(self, image_shape, num_classes):
        """Return the config of such a model of other images and, if conditional, other classes."""
        config = {**self.get_config(), "image_shape": list(image_shape)}
        return {**config, "num_classes": num_classes} if self.num_classes else config

    def constructor_value(self, name):
        """Return what the constructor was given as `name`, None for a network that it made."""
        made = name in NETWORKS and name not in self.own_networks
        return None if made else getattr(self, name)

    def tell_own(self, **networks):
        """Keep the names of those `networks` that a user gave, and that are not None."""
        self.own_networks = tuple(name for name in networks if networks[name] is not None)

    @classmethod
    def from_config(cls, config):
        config = {name: _revived(value) for name, value in config.items()}
        with dtype_policy(config.pop("dtype", keras.config.dtype_policy())):
            return cls(**config)

    def endpoints(self):
        """Return what export offers: name -> (function, input signature).

        Functions take tensors with a leading batch dimension of any size and return dicts.
        """
        seeds = tf.TensorSpec([None], tf.int32, name="seeds")

        def sample(seeds, labels=None):
            return {"images": self.generate(self.noise(seeds), labels)}

        return {"sample": (sample, [seeds, *self._label_spec()])}

    def plain_networks(self):
        """Return name -> functional Keras model of built-in parts, latents to pixels in 0..255."""
        return {}

    def _check(self, images, labels):
        images = check_images(images, self.image_shape)
        batch = images.shape[0] or tf.shape(images)[0]
        return images, check_labels(labels, self.num_classes, batch)

    def _image_spec(self):
        return tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")

    def _label_spec(self):
        return [tf.TensorSpec([None], tf.int32, name="labels")] if self.num_classes else []


class TractableModel(GenerativeModel):
    """p(x) as a product of conditionals: its log-likelihood is exact."""

    family = "autoregressive"

    def log_prob(self, images, labels=None):
        """Return log p(image), exact, in nats per image; float32 [b].

        Raises `UserError` for images of another shape or dtype or off the model's grid.
        """
        raise NotImplementedError

    def losses(self, images, labels, noise, training):
        return {"loss": -self.log_prob(images, labels)}

    def endpoints(self):
        def log_prob(images, labels=None):
            return {"log_prob": self.log_prob(images, labels)}

        signature = [self._image_spec(), *self._label_spec()]
        return {**super().endpoints(), "log_prob": (log_prob, signature)}


def in_batches(function, *rows, batch_size=256):
    """Return function(*rows), numpy [n, ...], called with at most `batch_size` rows at a time.

    Args: rows: arrays [n, ...], or None.
    """
    done = []
    for start in range(0, len(rows[0]), batch_size):
        part = slice(start, start + batch_size)
        done.append(np.asarray(function(*(None if row is None else row[part] for row in rows))))
    return np.concatenate(done)


def in_few_sizes(function, *rows, batch_size):
    """As `in_batches`, for a function that is compiled anew for each number of rows.

    The last row is repeated up to a power of two, or `batch_size`.
    """

    def padded(*part):
        size = len(part[0])
        index = np.minimum(np.arange(min(batch_size, 1 << (size - 1).bit_length())), size - 1)
        repeated = (None if row is None else np.asarray(row)[index] for row in part)
        return np.asarray(function(*repeated))[:size]

    return in_batches(padded, *rows, batch_size=batch_size)


@contextlib.contextmanager
def dtype_policy(policy):
    """Set Keras's policy, or its name, for the models whose constructors run inside."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _plain(value):
    """Return a constructor's value as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return keras.saving.serialize_keras_object(value)


def _revived(value):
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return tuple(value) if isinstance(value, list) else value
