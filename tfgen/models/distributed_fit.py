"""`fit` and `evaluate` of Keras on any tf.distribute strategy, for all models of tfgen.

Stock Keras breaks on several replicas as soon as a model has two optimizers, takes more than one
step per execution or runs on several workers. So the loop over steps is our own: each replica
runs `train_step`, its results are averaged, and the running mean is what Keras gets to show.
And several workers share each global batch, where Keras would give all of them its first rows.
"""

import types

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import asserted, graph_mistakes_told
from tfgen.models.named_optimizers import NamedOptimizers
from tfgen.models.running_mean import RunningMean
from tfgen.sampling.noise import StepNoise

NO_WEIGHTS = (
    "training takes no weights of images (nor of classes), as it would not heed them; leave them "
    "out."
)
SCHEDULED = (
    "give each a schedule as its learning rate in compile, or set their learning_rate in a "
    "callback of your own"
)
OF_ONE_OPTIMIZER = {  # Keras's callbacks that look for the one optimizer -> what to do instead
    keras.callbacks.LearningRateScheduler: SCHEDULED,
    keras.callbacks.ReduceLROnPlateau: SCHEDULED,
    keras.callbacks.SwapEMAWeights: "leave it out: the samples are of a moving average anyway",
    keras.callbacks.TerminateOnNaN: "look at the loss of each in a callback of your own",
}


class DistributedFit(NamedOptimizers):
    """A mixin before `keras.Model`: `fit` and `evaluate` by train and test functions of our own.

    The model gives `train_step(data)`, scalars for one replica's batch; `test_step(data)`, for each
    name one value per image, so that padded batches can be weighted; and `check_data(images,
    labels)`, which refuses what it cannot learn.
    """

    def reseed(self, seed):
        """Let the training noise of the steps to come follow from another seed."""
        self._noise_seed = seed
        self.train_function = None

    def step_noise(self):
        """Return the `StepNoise` of the current training step."""
        step = getattr(self, self.optimizer_names[0]).iterations.value
        return self.replica_noise(self._noise_seed, step)

    def replica_noise(self, seed, step):
        """Return a `StepNoise` of which this replica draws its rows of the global batch."""
        context = tf.distribute.get_replica_context()
        return StepNoise(seed, step, context.replica_id_in_sync_group, context.num_replicas_in_sync)

    def fit(self, x=None, y=None, *args, validation_data=None, **options):
        """Keras's `fit`; several workers take a `tf.data.Dataset` of global batches, all the same.

        Raises `UserError` if several workers are given anything else, for batches that the replicas
        cannot share evenly, for weights of images, which no model trains with, and for images and
        labels that the model cannot learn: before the first step, where they are arrays. So it is
        for Keras's callbacks that look for a model's one optimizer, where it has several.
        """
        self._check_callbacks(options.get("callbacks"))
        for name in ("sample_weight", "class_weight"):
            if options.get(name) is not None:  # which Keras may drop, or fail on, without labels
                raise UserError(NO_WEIGHTS)
        if self._several_workers():
            x, options["steps_per_epoch"] = self._shared(x, options.get("steps_per_epoch"))
            steps = options["steps_per_epoch"] or 0
            if steps % self.steps_per_execution:
                raise UserError(
                    f"several workers need a multiple of steps_per_execution="
                    f"{self.steps_per_execution} as steps an epoch, but these are {steps}."
                )
            if validation_data is not None:
                validation_data, options["validation_steps"] = self._shared(
                    validation_data, options.get("validation_steps")
                )
        for data in ((x, y), validation_data):
            images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
            if isinstance(images, np.ndarray | tf.Tensor):
                self.check_data(images, labels)
        return super().fit(x, y, *args, validation_data=validation_data, **options)

    def _check_callbacks(self, callbacks):
        callbacks = getattr(callbacks, "callbacks", callbacks)  # of a Keras CallbackList
        for callback in tf.nest.flatten(callbacks or []):
            instead = OF_ONE_OPTIMIZER.get(type(callback))  # a subclass may do as it likes
            if len(self.optimizer_names) > 1 and instead:
                raise UserError(
                    f"{type(callback).__name__} looks for one optimizer and its loss, but "
                    f"{type(self).__name__} has {' and '.join(self.optimizer_names)}; {instead}."
                )

    def evaluate(self, x=None, y=None, *args, **options):
        """Keras's `evaluate`, on data as in `fit`, and weights of images.

        Batch k of an evaluation draws the same noise each time, and other noise than the others.
        """
        if y is None and options.get("sample_weight") is not None and not self.num_classes:
            y = np.zeros(len(x), np.int32)  # or Keras would drop the weights
        if self._several_workers() and not options.get("_use_cached_eval_dataset"):
            x, options["steps"] = self._shared(x, options.get("steps"))
        return super().evaluate(x, y, *args, **options)

    def _several_workers(self):
        return isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def _shared(self, data, steps):
        """Return data of which each replica gets its rows of a global batch, and their number."""
        strategy = self.distribute_strategy
        replicas = strategy.num_replicas_in_sync
        spec = tf.nest.flatten(data.element_spec)[0] if isinstance(data, tf.data.Dataset) else None
        batch = spec.shape[0] if spec is not None else None
        if not batch or batch % replicas:
            raise UserError(
                "several workers need a tf.data.Dataset whose batches all have one size, a "
                f"multiple of the {replicas} replicas, as with batch(..., drop_remainder=True)."
            )

        def of_worker(context):
            share = batch // context.num_input_pipelines
            rows = slice(context.input_pipeline_id * share, (context.input_pipeline_id + 1) * share)
            own = data.map(lambda *parts: tf.nest.map_structure(lambda part: part[rows], parts))
            return own.rebatch(batch // replicas)

        # Every batch is full, so that the workers need not ask each other whether it is.
        strategy.extended.experimental_enable_get_next_as_optional = False
        if steps is None and data.cardinality() > 0:
            steps = int(data.cardinality())
        return strategy.distribute_datasets_from_function(of_worker), steps

    def _check_shares(self, data):
        """Let a graph fail unless each replica has as many images of a global batch."""
        images = data[0] if isinstance(data, tuple) else data
        sizes = [
            tf.shape(part)[0]
            for part in self.distribute_strategy.experimental_local_results(images)
        ]
        if len(sizes) == 1:
            return
        replicas = len(sizes)
        asserted(
            sizes,
            tf.reduce_all(tf.equal(sizes, sizes[0])),
            f"{replicas} replicas cannot share a batch evenly; make batches of a multiple of "
            f"{replicas} images, and the last as well, as with batch(..., drop_remainder=True).",
        )

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return self.train_function
        self.build_optimizers()
        strategy = self.distribute_strategy
        names = []  # of the losses, known as soon as a step is traced

        def step(data):
            if keras.utils.unpack_x_y_sample_weight(data)[2] is not None:
                raise UserError(NO_WEIGHTS)
            self._check_shares(data)
            logs = strategy.run(self.train_step, args=(data,))
            names[:] = logs
            return tf.stack([strategy.reduce("MEAN", loss, axis=None) for loss in logs.values()])

        step_on_next = self._compiled(step)
        steps, several = self.steps_per_execution, self._several_workers()

        def execution(iterator):
            # Its steps are not compiled by themselves: what all replicas of a `MirroredStrategy`
            # reduce with would be looked for in that inner graph, and not be found in this one.
            def make_step(index, _, losses):
                if several:  # whose iterators have no optionals, but whose steps are counted
                    return index + 1, True, losses.write(index, step(next(iterator)))
                # Not next(iterator): the optimizers would count the step that meets the end.
                data = iterator.get_next_as_optional()
                losses = tf.cond(
                    data.has_value(),
                    lambda: losses.write(index, step(data.get_value())),
                    lambda: losses,
                )
                return index + 1, data.has_value(), losses

            *_, losses = tf.while_loop(
                lambda index, going, _: going & (index < steps),
                make_step,
                (0, True, tf.TensorArray(tf.float32, 0, dynamic_size=True)),
            )
            return losses.stack()

        execution = self._graph(execution)

        @graph_mistakes_told()
        def train(iterator):
            if isinstance(iterator, types.GeneratorType):  # of train_on_batch
                losses = step_on_next(iterator)[None]
            else:
                losses = execution(iterator)
            if not len(losses):
                raise StopIteration
            each = dict(zip(names, tf.unstack(losses, axis=1), strict=True))
            self.running_mean.latest = each
            sums = {name: tf.reduce_sum(values) for name, values in each.items()}
            return self.running_mean.update(sums, float(len(losses)))

        self.train_function = train
        return train

    def make_test_function(self, force=False):
        if self.test_function is not None and not force:
            return self.test_function
        strategy = self.distribute_strategy

        def weighted(data, index):
            values = self.test_step(data, index)
            weights = self.unpack(data)[2]
            sums = {name: tf.reduce_sum(value * weights) for name, value in values.items()}
            return {**sums, "weight": tf.reduce_sum(weights)}

        def step(data, index):
            sums = strategy.run(weighted, args=(data, index))
            return {name: strategy.reduce("SUM", value, axis=None) for name, value in sums.items()}

        step_on_next = self._compiled(step)

        @graph_mistakes_told()
        def test(iterator):
            # One by one, since every batch must count, a remainder of the execution's steps too.
            logs = None
            for _ in range(self.steps_per_execution):
                try:
                    sums = dict(step_on_next(iterator, tf.constant(self.running_mean.updates)))
                except (tf.errors.OutOfRangeError, StopIteration):
                    if logs is None:
                        raise
                    break
                weight = sums.pop("weight")
                logs = self.running_mean.update(sums, weight)
            return logs

        self.test_function = test
        return test

    def _graph(self, function):
        # Autograph would wrap a user's mistake in a page of its own words.
        return function if self.run_eagerly else tf.function(function, autograph=False)

    def _compiled(self, step):
        """Return `step`, compiled, on the next data of an iterator; what else it takes follows."""
        on_data = self._graph(step)
        on_iterator = self._graph(lambda iterator, *others: on_data(next(iterator), *others))

        def on_next(iterator, *others):
            if isinstance(iterator, types.GeneratorType):  # train_on_batch and test_on_batch
                data = [None if x is None else tf.convert_to_tensor(x) for x in next(iterator)]
                return on_data(tuple(data), *others)
            return on_iterator(iterator, *others)

        return on_next

    @property
    def metrics(self):
        return []  # Keras's own loss tracker would show 0: the losses are the model's.

    def reset_metrics(self):
        self.running_mean = RunningMean()

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Do nothing: every model builds itself in its constructor."""
