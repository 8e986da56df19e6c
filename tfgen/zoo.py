"""Find, verify and load the zoo's entries; imports no TensorFlow until it loads one."""

import dataclasses
import hashlib
import importlib.util
import json
import os
import pathlib

from tfgen.errors import UserError
from tfgen.names import unknown

# What every reader of entry.json relies on: of each key the type, or in turn the keys.
FILE = {"sha256": str, "bytes": int}
FIGURE = {"value": int | float, "unit": str, "protocol": str}
INFO = {
    "name": str,
    "summary": str,
    "model": str,
    "family": str,
    "dataset": str,
    "levels": int,
    "image_shape": list,
    "num_classes": int,
    "parameters": int,
    "recipe": {"batch_size": int, "steps": int, "learning_rate": int | float},
    "training": {
        "steps": int,
        "seconds": int | float,
        "images_per_second": int | float,
        "hardware": str,
        "seed": int,
        "history": list,
    },
    "metrics": dict,
    "versions": {"tfgen": str},
    "files": {"model.keras": FILE},
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A trained model in a folder: `path`, and `info`, what its entry.json says."""

    name: str
    path: pathlib.Path
    info: dict

    @property
    def size(self):
        """Bytes of all its files."""
        return sum(file["bytes"] for file in self.info["files"].values())


def entries():
    """Return the zoo's entries, a list of `Entry` sorted by name."""
    return [_read(path) for path in sorted(_zoo_directory().glob("*/entry.json"))]


def list_entries():
    """Return the names of the zoo's entries."""
    return [path.parent.name for path in sorted(_zoo_directory().glob("*/entry.json"))]


def find(name_or_folder):
    """Return the `Entry` of a name in the zoo or of a folder; raises `UserError` without one.

    What is spelled as a path (a `Path`, or text with a separator or a leading dot) is a folder; a
    bare name that the zoo knows is the zoo's.
    """
    name = str(name_or_folder)
    is_path = isinstance(name_or_folder, os.PathLike) or os.sep in name or name.startswith(".")
    if not is_path and name in list_entries():
        return _read(_zoo_directory() / name / "entry.json")
    folder = pathlib.Path(name_or_folder)
    if (folder / "entry.json").is_file():
        return _read(folder / "entry.json")
    if folder.is_dir():
        hint = " (its training is unfinished)" if (folder / ".training").is_dir() else ""
        raise UserError(f"{folder} holds no entry{hint}: entry.json is missing.")
    if is_path:
        raise UserError(f"there is no folder {name}.")
    raise unknown("entry", name, list_entries())


def verify(entry):
    """Raise `UserError` unless every file of `entry` has the SHA-256 that entry.json states."""
    for name, expected in entry.info["files"].items():
        path = entry.path / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(
                f"entry '{entry.name}' is incomplete: {name} is missing; get the entry again."
            ) from error
        if found != expected["sha256"]:
            size = path.stat().st_size
            what = "truncated" if size < expected["bytes"] else "changed or corrupt"
            raise UserError(
                f"entry '{entry.name}' cannot be trusted: {name} is {what} "
                "(its SHA-256 is not that of entry.json); get the entry again."
            )


def load(name_or_folder):
    """Return the compiled Keras model of an entry, after verifying all its files.

    It samples, scores and fine-tunes: `tfgen.load("vae_digits").sample(16, seed=0)`.
    """
    entry = find(name_or_folder)
    verify(entry)
    import keras

    import tfgen.models  # noqa: F401 (registers the classes)

    try:
        model = keras.models.load_model(entry.path / "model.keras", safe_mode=True)
    except (ValueError, TypeError, OSError) as error:
        version = entry.info["versions"]["tfgen"]
        raise UserError(
            f"entry '{entry.name}', written by tfgen {version}, cannot be loaded by this version "
            f"({str(error).splitlines()[0][:160]})."
        ) from error
    for key, found in (
        ("image_shape", list(model.image_shape)),
        ("num_classes", model.num_classes),
    ):
        if entry.info[key] != found:
            raise UserError(
                f"entry '{entry.name}' cannot be trusted: the {key} of its model is {found}, but "
                f"entry.json says {entry.info[key]}; get the entry again."
            )
    return model


def _read(path):
    try:
        info = json.loads(path.read_text())
    except (OSError, ValueError):
        info = None
    if not (
        _fits(info, INFO)
        and all(_fits(figure, FIGURE) for figure in info["metrics"].values())
        and all(_fits(file, FILE) for file in info["files"].values())
    ):
        raise UserError(f"{path} is not a readable entry.json; get the entry again.")
    # Of the absolute path, for the folder may be given as "." or "..".
    return Entry(os.path.basename(os.path.abspath(path.parent)), path.parent, info)


def _fits(value, expected):
    """Tell whether a value of JSON is of the expected type, or a dict of the expected keys."""
    if not isinstance(expected, dict):
        return isinstance(value, expected)
    return isinstance(value, dict) and all(
        key in value and _fits(value[key], part) for key, part in expected.items()
    )


def _zoo_directory():
    """The installed package of entries, which in a checkout is its folder `zoo`."""
    spec = importlib.util.find_spec("tfgen_zoo")
    if spec is not None and spec.submodule_search_locations:
        return pathlib.Path(next(iter(spec.submodule_search_locations)))
    return pathlib.Path(__file__).parent.parent / "zoo"
