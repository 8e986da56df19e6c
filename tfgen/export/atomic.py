"""Files and folders that appear whole or not at all: written beside, then renamed."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile

from tfgen.errors import UserError

try:
    import fcntl
except ImportError:
    fcntl = None  # on Windows

SUFFIX, LOCK = ".tfgen", ".lock"
SCRATCH = re.compile(r"\.(.+)\.[a-z0-9_]{8}" + re.escape(SUFFIX))  # as `written_beside` calls it


class NotWritten(UserError):
    """A file or folder could not be written; `strerror` says why."""

    def __init__(self, path, reason):
        super().__init__(f"{path} cannot be written: {reason}.")
        self.strerror = reason


@contextlib.contextmanager
def written_beside(path, replace=True, clear=True):
    """Yield a path beside `path` to write a file or folder to; it becomes `path` at the end.

    An existing file is replaced, and an existing folder too if `replace`. If `clear`, what writers
    of `path` that were killed left is removed first, which takes a look at all files beside it.
    Raises `NotWritten` if it fails, and then leaves no empty folder above it that was not there.
    """
    path = pathlib.Path(path)
    if path.name in ("", ".."):
        raise NotWritten(path, "the path must end in a name")
    scratch, made = None, []
    try:
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        if clear:
            clear_scratch(path.parent, [path.name])
        scratch, lock = _new_scratch(path)
        beside = scratch / path.name
        with lock:
            yield beside
            if replace and path.is_dir() and beside.is_dir():
                path.rename(_replaced(scratch, path))
            os.replace(beside, path)
    except (OSError, NotWritten) as error:
        # NotWritten names a file in `beside`, which is no place that the user knows.
        raise NotWritten(path, reason_of(error)) from error
    finally:
        if scratch is not None:
            _remove(scratch, path)
        for folder in made:
            with contextlib.suppress(OSError):  # once `path` is there, none is empty
                folder.rmdir()


def clear_scratch(folder, names=None):
    """Remove what writers that were killed left beside files of `folder`, of all or those names.

    What another process is writing stays, where files can be locked.
    """
    names = None if names is None else set(names)
    for scratch in pathlib.Path(folder).glob(".*"):
        named = SCRATCH.fullmatch(scratch.name)
        if named and scratch.is_dir() and (names is None or named[1] in names):
            with contextlib.suppress(OSError):
                with _hold(scratch):
                    _remove(scratch, scratch.with_name(named[1]))
                # A network's file system keeps a file that is open, and with it the folder.
                shutil.rmtree(scratch, ignore_errors=True)


def _new_scratch(path):
    """Return a new folder beside `path`, and the open file by which this process holds it."""
    while True:
        scratch = pathlib.Path(tempfile.mkdtemp(SUFFIX, f".{path.name}.", path.parent))
        # In between, `clear_scratch` may have taken it for a killed writer's.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            lock = _hold(scratch)
            if (scratch / LOCK).exists():
                return scratch, lock
            lock.close()


def _hold(scratch):
    """Return an open file that holds a scratch folder; `BlockingIOError` if another process does.

    By hand, since the package filelock takes as long as it takes to write an image.
    """
    file = open(scratch / LOCK, "w")  # noqa: SIM115 (the caller closes it)
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError:
        pass  # a file system without locks
    return file


def _remove(scratch, path):
    """Remove a scratch folder; a folder that was to be replaced and was not goes back to `path`."""
    if _replaced(scratch, path).is_dir() and not path.exists():
        _replaced(scratch, path).rename(path)
    shutil.rmtree(scratch, ignore_errors=True)


def _replaced(scratch, path):
    """Return where the folder at `path` waits until another is in its place."""
    return scratch / f"{path.name}.replaced"  # which no `path` is written as


@contextlib.contextmanager
def told_as_of_files():
    """Turn TensorFlow's errors in writing, such as of a full disk, into OSError."""
    import tensorflow as tf  # which light commands do not load

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(reason_of(error)) from error


def reason_of(error):
    """Return why writing failed, in the operating system's words, also for tf.errors."""
    if getattr(error, "strerror", None):
        return error.strerror
    # TensorFlow says "{{node ...}} PATH; No space left on device [Op:SaveV2]".
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(error))
    return words.split(";")[-1].split("\n")[0].strip()
