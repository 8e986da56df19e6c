"""All state of a training run on disk, so that a run that died goes on bit for bit.

What is kept: the weights, every optimizer's slots and step, the weight averages, the best weights
so far, and the validation history. Data order and training noise follow from the step.
"""

import json
import pathlib

import tensorflow as tf
from absl import logging

from tfgen.errors import UserError
from tfgen.export.atomic import reason_of


class Checkpoints:
    """Checkpoints of one run in `directory`; the newest few are kept."""

    def __init__(self, directory, model, extra_variables=(), keep=3):
        optimizers = [getattr(model, name) for name in model.optimizer_names]
        variables = [*model.variables, *(v for opt in optimizers for v in opt.variables)]
        self._notes = tf.Variable("{}", dtype=tf.string, trainable=False)
        state = {
            f"v{index}": variable
            for index, variable in enumerate(
                [*(getattr(v, "value", v) for v in _unique(variables)), *extra_variables]
            )
        }
        self._checkpoint = tf.train.Checkpoint(notes=self._notes, **state)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(directory), max_to_keep=keep, checkpoint_name="step"
        )

    def save(self, step, notes):
        """Write a checkpoint; `notes` is what else to keep, as JSON can hold it."""
        self._notes.assign(json.dumps(notes))
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            kept = "the one before is kept" if self._manager.checkpoints else "nothing is kept yet"
            raise UserError(
                f"the checkpoint of step {step} could not be written ({reason_of(error)}); "
                f"{kept}. Make room and run the same command again."
            ) from error

    def restore(self):
        """Read the newest checkpoint that is whole; return its notes, or None without any."""
        for path in reversed(self._manager.checkpoints):
            try:
                self._checkpoint.restore(path).assert_consumed()
                return json.loads(self._notes.numpy())
            except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
                reason = str(error).splitlines()[0][:120]
                name = pathlib.Path(path).name
                logging.warning(
                    "checkpoint %s is unusable (%s); trying the one before", name, reason
                )
        return None


def _unique(variables):
    return list({id(variable): variable for variable in variables}.values())
