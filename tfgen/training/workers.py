"""What the processes of one training agree on; a training of one process agrees with itself."""

import contextlib
import hashlib

import tensorflow as tf

from tfgen.errors import UserError

LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Workers:
    """The processes of a training under `strategy`.

    Attributes:
        strategy: the `tf.distribute.Strategy`.
        several: whether there is more than one process.
        is_chief: whether this one writes checkpoints, logs and the entry.
    """

    def __init__(self, strategy):
        self.strategy = strategy
        self.several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.is_chief = strategy.extended.should_checkpoint

        @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
        def gather(number):
            def own_place():
                context = tf.distribute.get_replica_context()
                place = tf.one_hot(
                    context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=tf.int64
                )
                return context.all_reduce(tf.distribute.ReduceOp.SUM, place * number)

            return strategy.experimental_local_results(strategy.run(own_place))[0]

        self._gather = gather

    def numbers(self, number):
        """Return the integer that each worker gives, in all of them; also waits for all."""
        return set(self._gather(number).numpy().tolist()) if self.several else {number}

    def any(self, flag):
        """Return whether any of the workers has its flag set."""
        return any(self.numbers(int(flag)))

    def wait(self):
        """Wait until all workers are here."""
        self.numbers(0)

    def check_same(self, text, sentence):
        """Raise `UserError` with `sentence` in all workers unless they give the same text."""
        digest = hashlib.sha256(text.encode()).digest()
        if len(self.numbers(int.from_bytes(digest[:7], "big"))) > 1:
            raise UserError(sentence)

    @contextlib.contextmanager
    def loss_told(self, command):
        """Turn the loss of another worker into a `UserError`."""
        try:
            yield
        except LOST as error:
            if not self.several:
                raise
            raise UserError(
                "another worker was lost, so this one stops; start all of them again to go on "
                f"from the last checkpoint: {command}"
            ) from error
