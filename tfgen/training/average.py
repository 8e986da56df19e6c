"""A moving average of the weights, which is validated and kept in their place."""

import keras
import tensorflow as tf


class WeightAverage(keras.callbacks.Callback):
    """Averages all weights with a half-life in images, and swaps the averages in for validation.

    The average moves once per execution of several steps. Early on it follows the weights closely,
    or the initial ones would linger.
    """

    def __init__(self, model, half_life, batch_size):
        super().__init__()
        self._weights = [weight.value for weight in model.weights]
        with model.distribute_strategy.scope():
            self.variables = [tf.Variable(w, trainable=False) for w in self._weights]
            self._steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.variables.append(self._steps)
        images = batch_size * model.steps_per_execution
        self._decay = 0.5 ** (images / half_life)

    def on_train_batch_end(self, batch, logs=None):
        self._steps.assign_add(1)
        count = tf.cast(self._steps, tf.float32)
        self._move(tf.minimum(self._decay, (1 + count) / (10 + count)))

    def on_test_begin(self, logs=None):
        self.swap()

    def on_test_end(self, logs=None):
        self.swap()

    def swap(self):
        """Exchange the weights and their averages."""
        for weight, average in zip(self._weights, self.variables, strict=False):
            value = tf.identity(weight)
            weight.assign(average)
            average.assign(value)

    @tf.function(autograph=False)
    def _move(self, decay):
        for weight, average in zip(self._weights, self.variables, strict=False):
            average.assign(weight + tf.cast(decay, weight.dtype) * (average - weight))
