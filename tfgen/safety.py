"""What a .keras file may hold: layers of Keras and what this process has registered, no code.

Keras's own safe mode refuses bytecode. This reads the file before Keras does, and refuses besides
what calls a function by its name, unpickles, or reads other files.
"""

import json
import zipfile

import keras

from tfgen.errors import UserError

PARTS = {"metadata.json", "config.json", "model.weights.h5"}
VALUES = {f"__{kind}__" for kind in ("keras_tensor", "tensor", "numpy", "ellipsis", "slice")}
MODULES = {
    "keras",
    *(f"keras.{name}" for name in ("layers", "initializers", "regularizers", "constraints")),
    *(f"keras.{name}" for name in ("optimizers", "optimizers.schedules", "dtype_policies")),
    *(f"keras.src.models.{name}" for name in ("functional", "sequential")),
    *(f"keras.src.ops.{name}" for name in ("core", "image", "linalg", "math", "nn", "numpy")),
}
UNSAFE = {
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization"),
}


def check(path):
    """Raise `UserError` unless the .keras file at `path` is of parts that run no foreign code."""
    try:
        with zipfile.ZipFile(path) as archive:
            unexpected = set(archive.namelist()) - PARTS
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a .keras file; get the entry again.") from error
    if unexpected:
        raise UserError(f"{path} is refused: no entry's .keras file holds '{min(unexpected)}'.")
    pending = [config]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if "class_name" in part and not _is_safe(part):
                raise UserError(
                    f"{path} is refused: to load its '{part['class_name']}' could run foreign "
                    "code; if it is your own, register it with Keras first."
                )
            pending += part.values()
        elif isinstance(part, list):
            pending += part


def _is_safe(config):
    name, module = config["class_name"], config.get("module")
    if not isinstance(name, str):
        return False
    if name.startswith("__"):
        return name in VALUES
    # Without a module Keras reads the class by rules of old, and a dotted name leads out of one.
    if not isinstance(module, str) or not name.isidentifier():
        return False
    # As Keras does: functions are registered under the name that is their config.
    registered = config.get("config" if name == "function" else "registered_name")
    if isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None:
        return True
    # Functions have names in lower case, and none is called by an entry.
    return module in MODULES and name[0].isupper() and name not in UNSAFE
