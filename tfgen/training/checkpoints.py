"""All state of a training run on disk, so that a run that died goes on bit for bit.

What is kept: the weights, every optimizer's slots and step, the weight averages, the best weights
so far, and notes such as the validation history. Data order and training noise follow from the
step. Each checkpoint is a folder, `step-1200`, written beside and renamed: there it is whole.
"""

import json
import pathlib
import re
import shutil

import tensorflow as tf
from absl import logging

from tfgen.errors import UserError
from tfgen.export.atomic import NotWritten, reason_of, written_beside

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # how a tf.train.Checkpoint calls a variable's value
FILE = "state"
_STEP = re.compile(r"step-\d+")


class NotSaved(UserError):
    """A checkpoint could not be written; those before are untouched."""


class Checkpoints:
    """Checkpoints of one run in `directory`; the newest `keep` are kept."""

    def __init__(self, directory, model, extra_variables=(), keep=3):
        optimizers = [getattr(model, name) for name in model.optimizer_names]
        variables = [*model.variables, *(v for opt in optimizers for v in opt.variables)]
        self.variables = [*(getattr(v, "value", v) for v in _unique(variables)), *extra_variables]
        self._named = {f"v{index}": variable for index, variable in enumerate(self.variables)}
        self._notes = tf.Variable("{}", dtype=tf.string, trainable=False)
        self._checkpoint = tf.train.Checkpoint(notes=self._notes, **self._named)
        self._directory = pathlib.Path(directory)
        self._keep = keep
        self.newest = None  # the step of the last one that was written or read

    def save(self, step, notes):
        """Write a checkpoint; `notes` is what else to keep, as JSON can hold it."""
        if step == self.newest:
            return
        self._notes.assign(json.dumps(notes))
        try:
            with written_beside(self._directory / f"step-{step}") as beside:
                beside.mkdir()
                self._checkpoint.write(str(beside / FILE))
        except (tf.errors.OpError, OSError, NotWritten) as error:
            kept = "nothing" if self.newest is None else f"that of step {self.newest}"
            raise NotSaved(
                f"the checkpoint of step {step} could not be written ({reason_of(error)}); "
                f"{kept} is kept. Make room, or allow to write, and run the same command again."
            ) from error
        self.newest = step
        # What is newer than the newest is unreadable, or of a way that was not gone.
        before = [path for path in self._paths() if _step(path) <= step]
        for path in set(self._paths()) - set(before[-self._keep :]):
            shutil.rmtree(path, ignore_errors=True)

    def restore(self, check=lambda notes: None):
        """Read the newest checkpoint that is whole; return its notes, or None without any.

        Args:
            check: a function of the notes that raises `UserError` if these are not to go on from.

        Raises `UserError` if none of several is whole, or if they are of another model, or what
        `check` raises; nothing is changed then.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                values = _read(path / FILE)
            except (tf.errors.OpError, IndexError, ValueError) as error:
                reason = str(error).splitlines()[0][:120]
                logging.warning(
                    "checkpoint %s is unusable (%s); trying the one before", path.name, reason
                )
                continue
            notes = json.loads(values["notes"])
            check(notes)
            self._assign(values, path)
            self.newest = _step(path)
            return notes
        if paths:
            raise UserError(
                f"none of the checkpoints in {self._directory} is whole; choose another --out, or "
                "pass --overwrite to start anew."
            )
        return None

    def _assign(self, values, path):
        shapes = {name: tuple(value.shape) for name, value in self._named.items()}
        found = {name: value.shape for name, value in values.items() if name != "notes"}
        if found != shapes:
            raise UserError(
                f"checkpoint {path} is of another model; finish it with the version of the code "
                "that began it, choose another --out, or pass --overwrite to start anew."
            )
        for name, variable in self._named.items():
            variable.assign(values[name])

    def _paths(self):
        found = self._directory.glob("step-*")  # among which may be a copy that the user made
        return sorted((path for path in found if _STEP.fullmatch(path.name)), key=_step)


def _read(path):
    """Return name -> value of all that a checkpoint holds, each against its checksum."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith(VALUE)]
    return {name.removesuffix(VALUE): reader.get_tensor(name) for name in names}


def _step(path):
    return int(path.name.removeprefix("step-"))


def _unique(variables):
    return list({id(variable): variable for variable in variables}.values())
