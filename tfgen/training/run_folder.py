"""The folder of a run: whether a training may use it, and the settings of the one it holds."""

import contextlib
import json
import shutil

import tfgen
from tfgen.errors import UserError
from tfgen.export.atomic import NotWritten, clear_scratch, reason_of, written_beside

LOCK = "lock"


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
    state = state_of(out)
    if not state.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out, or pass --overwrite.")
    kept = _kept_settings(state)
    if kept is None and any(state.glob("step-*")):
        raise UserError(
            f"{state / 'settings.json'} cannot be read, so it is unknown what the checkpoints "
            "beside it are of; choose another --out, or pass --overwrite to start anew."
        )
    if kept in (None, settings(recipe)):
        return
    version = json.loads(kept).get("tfgen")
    if version != tfgen.__version__:
        raise UserError(
            f"{out} holds an unfinished training of tfgen {version}, but this is "
            f"{tfgen.__version__}; finish it with that version, choose another --out, or pass "
            "--overwrite to start anew."
        )
    raise UserError(
        f"{out} holds an unfinished training with other settings; finish it with those, "
        "choose another --out, or pass --overwrite to start anew."
    )


@contextlib.contextmanager
def held(out):
    """Hold the folder `out`; raises `UserError` if another process trains in it."""
    import filelock

    state = state_of(out)
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(state / LOCK, blocking=False)
        with contextlib.suppress(NotImplementedError):  # of a file system without locks
            lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"another process trains in {out}; wait for it, or choose another --out."
        ) from None
    except OSError as error:
        raise NotWritten(state, reason_of(error)) from error
    try:
        yield
    finally:
        lock.release()


def prepare(out, recipe):
    """Return the folder of the run's state, cleared unless it is of the same settings."""
    state = state_of(out)
    clear_scratch(out)
    clear_scratch(state)
    if _kept_settings(state) != settings(recipe):
        for path in set(state.glob("*")) - {state / LOCK}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with written_beside(state / "settings.json") as beside:
            beside.write_text(settings(recipe))
    return state


def settings(recipe):
    """Return, as text, what a training must agree with to go on from a checkpoint."""
    return json.dumps({"tfgen": tfgen.__version__, **recipe.settings()}, indent=2, sort_keys=True)


def state_of(out):
    """Return the folder where the run in `out` keeps its state."""
    return out / ".training"


def _kept_settings(state):
    """Return the settings of the training in the folder `state`, None if it holds none whole."""
    try:
        text = (state / "settings.json").read_text()
        json.loads(text)
    except (OSError, ValueError):
        return None
    return text
