"""Files and folders that appear whole or not at all: written beside, then renamed."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile

from tfgen.errors import UserError


@contextlib.contextmanager
def written_beside(path):
    """Yield a path beside `path` to write a file or folder to; it becomes `path` at the end.

    An existing file is replaced, an existing folder too. Raises `UserError` if that cannot be
    written.
    """
    path = pathlib.Path(path)
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        beside = scratch / path.name
        yield beside
        if path.is_dir():
            path.rename(scratch / "replaced")
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {reason_of(error)}.") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def reason_of(error):
    """Return why writing failed, in the operating system's words, for OSError and tf.errors."""
    if getattr(error, "strerror", None):
        return error.strerror
    # TensorFlow says "{{node ...}} PATH; No space left on device [Op:SaveV2]".
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(error))
    return words.split(";")[-1].split("\n")[0].strip()
