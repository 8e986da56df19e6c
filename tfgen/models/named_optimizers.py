"""Several optimizers of one model by their names, in half precision and on any strategy."""

import keras
import tensorflow as tf

from tfgen.errors import UserError, check_counts
from tfgen.optimizers import LossScale

OWN_LOSS = "tfgen models bring their own loss; call compile(optimizer=...) only."
AS_IT_IS = {  # arguments of Keras's compile -> the values that say what is done anyway
    "loss": (None, [], {}),
    "loss_weights": (None, [], {}),
    "metrics": (None, [], {}),
    "weighted_metrics": (None, [], {}),
    "jit_compile": (None, False, "auto"),
    "auto_scale_loss": (True,),
}


class NamedOptimizers:
    """A mixin before `keras.Model`: `compile` with named optimizers, and the steps they take."""

    optimizer_names = ("optimizer",)

    def optimizer_variables(self, name):
        """Return the variables that the optimizer called `name` trains."""
        return self.trainable_variables

    def updates_per_step(self, name):
        """Return how many updates the optimizer called `name` makes in a training step."""
        return 1

    def compile(self, optimizer="adam", steps_per_execution=1, run_eagerly=False, seed=0, **others):
        """Set the optimizers; the loss is the model's own.

        Args:
            optimizer: a Keras optimizer or its name; models with several optimizers take each by
                name (see `optimizer_names`), and make a copy of this one for each that is not
                given. One that is given twice is copied, too.
            steps_per_execution: how many steps one call of the compiled function makes.
            run_eagerly: run step by step in Python, for debugging.
            seed: of the training noise.

        Raises `UserError` for a loss, metrics or an optimizer of another name, for `jit_compile`,
        since XLA compiles here what it makes faster, for accumulated gradients, for a moving
        average by one of several optimizers, which Keras would not put in place, and where a copy
        would take several updates a step and so be through with its learning-rate schedule early.
        """
        if isinstance(steps_per_execution, str):  # Keras's second argument is the loss
            raise UserError(OWN_LOSS)
        check_counts(steps_per_execution=steps_per_execution)
        for name, values in AS_IT_IS.items():
            if name in others and others.pop(name) not in values:
                by_xla = "tfgen compiles by XLA what gains by it; leave out jit_compile=True."
                raise UserError(by_xla if name == "jit_compile" else OWN_LOSS)
        unknown = set(others) - set(self.optimizer_names)
        if unknown:
            taken = dict.fromkeys(
                ("optimizer", *self.optimizer_names, "steps_per_execution", "run_eagerly", "seed")
            )
            raise UserError(
                f"compile() got {', '.join(sorted(unknown))}, but {type(self).__name__} takes "
                f"{', '.join(taken)}."
            )
        super().compile(
            optimizer=None,
            loss=None,
            steps_per_execution=steps_per_execution,
            run_eagerly=run_eagerly,
            jit_compile=False,
        )
        originals = []
        for name in self.optimizer_names:
            original = chosen = keras.optimizers.get(others.get(name, optimizer))
            if chosen.gradient_accumulation_steps:
                raise UserError(
                    "gradient_accumulation_steps would repeat the noise of the steps it sums up; "
                    "leave it out, and make larger batches."
                )
            if chosen.use_ema and len(self.optimizer_names) > 1:
                raise UserError(
                    "use_ema is for a model of one optimizer; leave it out: the samples are of a "
                    "moving average anyway."
                )
            again = any(original is other for other in originals)
            if again or (name not in others and name != self.optimizer_names[0]):
                # One optimizer for several players: each keeps slots of its own.
                self._check_schedule(chosen, name)
                chosen = _copied(chosen)
            originals.append(original)
            if _scales(chosen) and not isinstance(chosen, LossScale):
                chosen = LossScale.around(chosen.inner_optimizer, chosen)
            elif self._computes_in_float16() and not _scales(chosen):
                chosen = LossScale(chosen)
            setattr(self, name, chosen)
        self._noise_seed = seed

    def _computes_in_float16(self):
        # A user's own networks have policies of their own.
        return any(layer.compute_dtype == "float16" for layer in self._flatten_layers())

    def _check_schedule(self, optimizer, name):
        """Refuse a schedule for training steps as that of several updates a step."""
        updates = self.updates_per_step(name)
        inner = optimizer.inner_optimizer if _scales(optimizer) else optimizer
        scheduled = isinstance(
            inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule
        )
        if updates > 1 and scheduled:
            raise UserError(
                f"a learning-rate schedule counts updates, of which the {name} makes {updates} a "
                f"step; give {name}= one of its own, with a schedule {updates} times as long."
            )

    def get_compile_config(self):
        if not getattr(self, "compiled", False):
            return None
        config = {name: getattr(self, name) for name in self.optimizer_names}
        built = all(optimizer.built for optimizer in config.values())
        config = {
            name: keras.saving.serialize_keras_object(value) for name, value in config.items()
        }
        return {**config, "seed": self._noise_seed, "built": built}

    def compile_from_config(self, config):
        config = dict(config)
        built = config.pop("built")
        for name in self.optimizer_names:
            config[name] = keras.saving.deserialize_keras_object(config[name])
        self.compile(**config)
        if built:
            self.build_optimizers()

    def build_optimizers(self):
        """Create every optimizer's slots now: later, inside a replica, it is too late."""
        strategy = self.distribute_strategy
        for variable in self.variables:
            if not strategy.extended.variable_created_in_scope(variable.value):
                raise UserError(
                    f"{variable.path} was made outside the strategy of its model; make all parts "
                    "of a model inside `with strategy.scope():`."
                )
        for name in self.optimizer_names:
            optimizer = getattr(self, name)
            if not self.optimizer_variables(name):
                raise UserError(
                    f"the {name} has no weights to train; set trainable = True on the networks "
                    "that it is of."
                )
            if not optimizer.built:
                with self.distribute_strategy.scope():
                    optimizer.build(self.optimizer_variables(name))

    def scaled(self, loss, name="optimizer"):
        """Return this replica's share of the global mean loss, scaled for half precision.

        Call it under the tape and differentiate what it returns.
        """
        replicas = self.distribute_strategy.num_replicas_in_sync
        return getattr(self, name).scale_loss(loss / replicas)

    def apply_gradients(self, gradients, name="optimizer"):
        """Sum the gradients of `scaled` losses over the replicas and take the optimizer's step."""
        optimizer = getattr(self, name)
        replicas = self.distribute_strategy.num_replicas_in_sync
        scales = _scales(optimizer)
        inner = optimizer.inner_optimizer if scales else optimizer
        clips = inner.clipnorm or inner.global_clipnorm or inner.clipvalue
        if replicas > 1 and (clips or scales):
            # Keras clips, and looks for overflow, before it sums over replicas; the sum counts.
            context = tf.distribute.get_replica_context()
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # no slices
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            if clips:
                gradients = _clipped(gradients, inner, optimizer.scale_loss(clips))
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, self.optimizer_variables(name), strict=True))

    @property
    def steps_taken(self):
        """The number of training steps since the model was compiled."""
        return int(getattr(self, self.optimizer_names[0]).iterations.numpy())


def _copied(optimizer):
    """Return a new optimizer of the same settings, those that are not in Keras's config too."""
    if _scales(optimizer):
        return LossScale.around(_copied(optimizer.inner_optimizer), optimizer)
    copy = type(optimizer).from_config(optimizer.get_config())
    for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
        if hasattr(optimizer, name):
            setattr(copy, name, getattr(optimizer, name))
    return copy


def _clipped(gradients, optimizer, bound):
    """Return gradients clipped at `bound` in the way that the optimizer is set to."""
    if optimizer.global_clipnorm:
        return tf.clip_by_global_norm(gradients, bound)[0]
    if optimizer.clipnorm:
        return [tf.clip_by_norm(gradient, bound) for gradient in gradients]
    return [tf.clip_by_value(gradient, -bound, bound) for gradient in gradients]


def _scales(optimizer):
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
