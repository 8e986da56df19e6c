"""Find, verify and load the zoo's entries; imports no TensorFlow until it loads one."""

import importlib.util
import os
import pathlib

from tfgen import download, manifest
from tfgen.errors import UserError
from tfgen.names import unknown


def entries():
    """Return the zoo's entries, a list of `Entry` sorted by name."""
    return [manifest.read(path) for path in sorted(_zoo_directory().glob("*/entry.json"))]


def list_entries():
    """Return the names of the zoo's entries."""
    return [path.parent.name for path in sorted(_zoo_directory().glob("*/entry.json"))]


def find(entry):
    """Return the `Entry` of a name, a folder or an address; raises `UserError` without one.

    What is spelled as a path (a `Path`, or text with a separator or a leading dot) is a folder; a
    bare name that the zoo knows is the zoo's. An address, https:// or hf://owner/repo, is fetched
    into a cache (see `tfgen.download`); `#sha256=DIGEST` behind it pins its entry.json.
    """
    if isinstance(entry, manifest.Entry):
        return entry
    name = str(entry)
    if "://" in name:
        return manifest.read(download.fetch(name))
    is_path = isinstance(entry, os.PathLike) or os.sep in name or name.startswith(".")
    if not is_path and name in list_entries():
        return manifest.read(_zoo_directory() / name / "entry.json")
    folder = pathlib.Path(entry)
    if (folder / "entry.json").is_file():
        return manifest.read(folder / "entry.json")
    if folder.is_dir():
        hint = " (its training is unfinished)" if (folder / ".training").is_dir() else ""
        raise UserError(f"{folder} holds no entry{hint}: entry.json is missing.")
    if is_path:
        raise UserError(f"there is no folder {name}.")
    raise unknown("entry", name, list_entries())


def load(entry):
    """Return the compiled Keras model of an entry, after verifying all its files.

    It samples, scores and fine-tunes: `tfgen.load("vae_digits").sample(16, seed=0)`.

    Args:
        entry: as `find` takes it, or an `Entry`.
    """
    entry = find(entry)
    manifest.verify(entry)
    import keras

    import tfgen.models  # noqa: F401 (registers the classes)
    from tfgen import safety

    for name in entry.info["files"]:
        if name.endswith(".keras"):
            safety.check(entry.path / name)
    try:
        model = keras.models.load_model(entry.path / "model.keras", safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        version = entry.info["versions"]["tfgen"]
        raise UserError(
            f"entry '{entry.name}', written by tfgen {version}, cannot be loaded by this version "
            f"({str(error).splitlines()[0][:160]})."
        ) from error
    if not isinstance(model, tfgen.models.base.GenerativeModel):
        raise UserError(
            f"entry '{entry.name}' cannot be trusted: its model.keras is a {type(model).__name__}, "
            "no model of tfgen; get the entry again."
        )
    for key, found in (
        ("image_shape", list(model.image_shape)),
        ("num_classes", model.num_classes),
    ):
        if entry.info[key] != found:
            raise UserError(
                f"entry '{entry.name}' cannot be trusted: the {key} of its model is {found}, but "
                f"entry.json says {entry.info[key]}; get the entry again."
            )
    model.end_warmup()  # which early versions wrote into their entries
    return model


def _zoo_directory():
    """The installed package of entries, which in a checkout is its folder `zoo`."""
    spec = importlib.util.find_spec("tfgen_zoo")
    if spec is not None and spec.submodule_search_locations:
        return pathlib.Path(next(iter(spec.submodule_search_locations)))
    return pathlib.Path(__file__).parent.parent / "zoo"
