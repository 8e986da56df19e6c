"""What every training objective of a VAE offers."""

from typing import NamedTuple

import tensorflow as tf

from tfgen.values import Value


class Batch(NamedTuple):
    """A batch as an objective sees it.

    Attributes:
        x: float32 [b, h, w, c] in [-1, 1], what the encoder sees.
        levels: int32 [b, h, w, c], what the likelihood scores.
        labels: int32 [b], or None.
        epsilon: standard normal numbers [b, num_samples, latent_dim].
    """

    x: tf.Tensor
    levels: tf.Tensor
    labels: tf.Tensor | None
    epsilon: tf.Tensor

    def one_row_a_sample(self):
        """Return the batch with labels [b * samples] and epsilon [b * samples, latent_dim]: each
        image's samples in consecutive rows; x and levels stay as they are."""
        samples = self.epsilon.shape[1] or tf.shape(self.epsilon)[1]
        epsilon = tf.reshape(self.epsilon, [-1, self.epsilon.shape[2]])
        return self._replace(labels=repeat(self.labels, samples), epsilon=epsilon)


class Objective(Value):
    """What training minimises; plain values, their constructor's arguments.

    Attributes:
        num_samples: codes drawn for each image.
        uses_batch: whether an image's loss depends on the other images of its batch.
    """

    num_samples = 1
    uses_batch = False

    def losses(self, model, batch, step):
        """Return a dict of float32 [b] values, "loss" among them.

        Args:
            model: a `VariationalModel`.
            batch: a `Batch`.
            step: of training, a scalar; None in evaluation, where "loss" is the raw bound.
        """
        raise NotImplementedError

    def warmed_up(self):
        """Return the objective as it is after the first steps of training."""
        return self

    def gradients(self, model, batch, step):
        """Return (`losses`, the gradient of the mean loss by each of the trainable variables)."""
        with tf.GradientTape() as tape:
            losses = self.losses(model, batch, step)
            loss = model.scaled(tf.reduce_mean(losses["loss"]))
        return losses, tape.gradient(loss, model.trainable_variables)


def growing(weight, steps, step):
    """Return a weight that grows in a straight line from 0 over the first `steps`."""
    return weight * tf.minimum(1.0, tf.cast(step, tf.float32) / steps) if steps else weight


def repeat(values, times):
    """Return tensors [b, ...] of a nest with each row repeated `times` times."""
    if isinstance(times, int) and times == 1:
        return values
    return tf.nest.map_structure(
        lambda value: value if value is None else tf.repeat(value, times, axis=0), values
    )
