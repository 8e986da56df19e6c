"""entry.json: what an entry says of itself, and the SHA-256 of each of its files.

The digest of entry.json itself thereby stands for the whole entry.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re

from tfgen.errors import UserError

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
    "class_names": list,
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
# What an entry may hold: relative paths without "..", and none that Python would run or unpickle.
FILE_NAME = re.compile(r"\w+\.(keras|png|md)|saved_model/1(/\w[\w.-]*)+", re.ASCII)


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


def read(path):
    """Return the `Entry` whose entry.json is at `path`; raises `UserError` if it is damaged."""
    try:
        text = path.read_bytes()
    except OSError:
        text = b""
    # Of the absolute path, for the folder may be given as "." or "..".
    return Entry(os.path.basename(os.path.abspath(path.parent)), path.parent, parse(text, path))


def parse(text, place):
    """Return what the bytes of an entry.json say; `UserError` names `place` if they are damaged."""
    try:
        info = json.loads(text)
    except (ValueError, RecursionError):
        info = None
    if not (
        _fits(info, INFO)
        and all(_fits(figure, FIGURE) for figure in info["metrics"].values())
        and all(_fits(file, FILE) for file in info["files"].values())
    ):
        raise UserError(f"{place} is not a readable entry.json; get the entry again.")
    for name in info["files"]:
        if not FILE_NAME.fullmatch(name):
            raise UserError(f"{place} cannot be trusted: no entry holds a file {name!r}.")
    return info


def verify(entry):
    """Raise `UserError` unless every file of `entry` has the SHA-256 that entry.json states."""
    for name, expected in entry.info["files"].items():
        found = damage(entry.path / name, expected)
        if found == "missing":
            raise UserError(
                f"entry '{entry.name}' is incomplete: {name} is missing; get the entry again."
            )
        if found:
            raise UserError(
                f"entry '{entry.name}' cannot be trusted: {name} is {found} "
                "(its SHA-256 is not that of entry.json); get the entry again."
            )


def damage(path, expected):
    """Return what is wrong with a file of which entry.json says `expected`, None if nothing is."""
    try:
        found = sha256(path)
    except OSError:
        return "missing"
    if found == expected["sha256"]:
        return None
    return "truncated" if path.stat().st_size < expected["bytes"] else "changed or corrupt"


def checksum(path):
    """Return what entry.json says of a file."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def sha256(path):
    """Return the SHA-256 of a file as entry.json states it, hexadecimal."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(2**20):  # a large file need not fit into memory
            found.update(piece)
    return found.hexdigest()


def _fits(value, expected):
    """Tell whether a value of JSON is of the expected type, or a dict of the expected keys."""
    if not isinstance(expected, dict):
        return isinstance(value, expected)
    return isinstance(value, dict) and all(
        key in value and _fits(value[key], part) for key, part in expected.items()
    )
