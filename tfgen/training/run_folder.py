"""The folder of a run: whether a training may use it, and the settings of the one it holds."""

import contextlib
import json
import shutil

import tfgen
from tfgen.errors import UserError
from tfgen.export.atomic import NotWritten, clear_scratch, reason_of, written_beside
from tfgen.lock import locked

LOCK, SETTINGS = "lock", "settings.json"


def check_free(out, recipe, overwrite):
    """Raise `UserError` unless the folder `out` can take this training; change nothing."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; --out must name a folder.")
    state, entry = state_of(out), out / "entry.json"
    if not out.is_dir():
        return
    foreign = [path for path in out.iterdir() if path.name != "logs"]
    if not state.is_dir() and not entry.exists() and foreign:
        raise UserError(
            f"{out} holds files, but neither a training nor an entry; choose another --out."
        )
    kept = _kept_settings(state)
    # A training that goes on was let in when it began, maybe with `overwrite` beside an old entry.
    if overwrite or kept == settings(recipe):
        return
    if entry.exists():
        raise UserError(
            f"{out} already holds a finished entry; choose another --out, or pass --overwrite."
        )
    if kept is None and any(state.glob("step-*")):
        raise UserError(
            f"{state / SETTINGS} cannot be read, so it is unknown what the checkpoints "
            "beside it are of; choose another --out, or pass --overwrite to start anew."
        )
    if kept is None:
        return
    kept, now = json.loads(kept), json.loads(settings(recipe))
    version = kept.get("tfgen")
    if version != tfgen.__version__:
        raise UserError(
            f"{out} holds an unfinished training of tfgen {version}, but this is "
            f"{tfgen.__version__}; finish it with that version, choose another --out, or pass "
            "--overwrite to start anew."
        )
    others = ", ".join(f"{name} {kept.get(name)}" for name in now if kept.get(name) != now[name])
    raise UserError(
        f"{out} holds an unfinished training with other settings ({others}); finish it with "
        "those, choose another --out, or pass --overwrite to start anew."
    )


@contextlib.contextmanager
def held(out):
    """Hold the folder `out`; raises `UserError` if another process trains in it."""
    import filelock

    state = state_of(out)
    with contextlib.ExitStack() as at_end:
        # After the lock: a network's file system keeps files that are open.
        at_end.callback(_try, state.rmdir)
        try:
            state.mkdir(parents=True, exist_ok=True)
            at_end.enter_context(locked(state / LOCK, blocking=False))
        except filelock.Timeout:
            raise UserError(
                f"another process trains in {out}; wait for it, or choose another --out."
            ) from None
        except OSError as error:
            raise NotWritten(state, reason_of(error)) from error
        at_end.callback(lambda: is_unfinished(out) or _try((state / LOCK).unlink))
        yield


def _try(remove):
    with contextlib.suppress(OSError):
        remove()


def prepare(out, recipe):
    """Return the folder of the run's state, cleared unless it is of the same settings."""
    state = state_of(out)
    for folder in (out, out / "saved_model", state):
        clear_scratch(folder)
    if _kept_settings(state) != settings(recipe):
        clear(out)
        with written_beside(state / SETTINGS) as beside:
            beside.write_text(settings(recipe))
    return state


def clear(out):
    """Remove the state of the run in the folder `out`, but for what holds it."""
    state = state_of(out)
    # First of all the settings: as soon as they are gone, no one goes on with the rest.
    for path in sorted(state.glob("*"), key=lambda path: path.name != SETTINGS):
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_unfinished(out):
    """Tell whether the folder `out` holds the state of a training."""
    return (state_of(out) / SETTINGS).exists()


def settings(recipe):
    """Return, as text, what a training must agree with to go on from a checkpoint."""
    kept = {"tfgen": tfgen.__version__, **recipe.settings()}
    # What is said and measured of a model is not what trains it.
    del kept["summary"], kept["binarised_too"]
    return json.dumps(kept, indent=2, sort_keys=True)


def state_of(out):
    """Return the folder where the run in `out` keeps its state."""
    return out / ".training"


def _kept_settings(state):
    """Return the settings of the training in the folder `state`, None if it holds none whole."""
    try:
        text = (state / SETTINGS).read_text()
        json.loads(text)
    except (OSError, ValueError):
        return None
    return text
