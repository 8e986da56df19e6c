"""The folder of a run: whether a training may use it, and the settings of the one it holds."""

import json
import shutil

from tfgen.errors import UserError
from tfgen.export.atomic import written_beside


def check_free(out, recipe, overwrite):
    """Raise `UserError` unless the folder `out` can take this training; change nothing."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; --out must name a folder.")
    if overwrite or not out.is_dir():
        return
    if (out / "entry.json").exists():
        raise UserError(
            f"{out} already holds a finished entry; choose another --out, or pass --overwrite."
        )
    state = out / ".training"
    if not state.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out, or pass --overwrite.")
    if _kept_settings(state) not in (None, _settings(recipe)):
        raise UserError(
            f"{out} holds an unfinished training with other settings; finish it with those, "
            "choose another --out, or pass --overwrite to start anew."
        )


def prepare(out, recipe):
    """Return the folder of the run's state, cleared unless it is of the same settings."""
    state, settings = out / ".training", _settings(recipe)
    if _kept_settings(state) != settings:
        shutil.rmtree(state, ignore_errors=True)
        with written_beside(state / "settings.json") as beside:
            beside.write_text(settings)
    return state


def _kept_settings(state):
    """Return the settings of the training in the folder `state`, None if it holds none whole."""
    try:
        text = (state / "settings.json").read_text()
        json.loads(text)
    except (OSError, ValueError):
        return None
    return text


def _settings(recipe):
    return json.dumps(recipe.settings(), indent=2, sort_keys=True)
