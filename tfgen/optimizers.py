"""The optimizer of the recipes, and the loss scaling of float16."""

import types

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgen")
class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam (Kingma and Ba 2015, arXiv:1412.6980) with one kernel for each variable.

    Keras writes the step as some twenty operations a variable; of a training step of a small dense
    GAN this kernel saves a quarter. Steps, slots and checkpoints are Keras's, and entries are saved
    with Keras's Adam.
    """

    def apply(self, grads, trainable_variables=None):
        # What is the same for all variables, and on all replicas, is computed once.
        beta_1, beta_2, epsilon, step = (
            tf.cast(number, tf.float32)
            for number in (self.beta_1, self.beta_2, self.epsilon, self.iterations.value + 1)
        )
        self._shared = types.SimpleNamespace(  # Keras would look for variables in a dict
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
        )
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        numbers = {**vars(self._shared), "lr": learning_rate}
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            **{name: tf.cast(number, variable.dtype) for name, number in numbers.items()},
        )


@keras.saving.register_keras_serializable(package="tfgen")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras's loss scaling, but for its count: a step that is skipped is a step taken.

    Keras skips the steps whose scaled gradients overflow, and does not count them; noise, schedule,
    order of the data and the end of a training follow from the count.
    """

    @classmethod
    def around(cls, inner, optimizer):
        """Return one of the settings of a `keras.optimizers.LossScaleOptimizer`, around `inner`."""
        return cls(**{**optimizer.get_config(), "inner_optimizer": inner})

    def apply(self, grads, trainable_variables=None):
        taken = self.iterations.value + 1
        super().apply(grads, trainable_variables)
        self.iterations.assign(taken)
