"""What names mean, and the sentence for one that is not known, with the nearest one that is."""

import difflib
import os

from tfgen.errors import UserError


def unknown(kind, name, known):
    """Return the `UserError` for the `kind` of thing called `name`, none of the `known` names."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    if near:
        return UserError(f"{kind} '{name}' not found; did you mean '{near[0]}'?")
    listed = ", ".join(sorted(known)) or "none yet"
    return UserError(f"{kind} '{name}' not found; there is {listed}.")


def counted(number, noun):
    """Return a number of things in words, such as "1 image" or "2 images"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def looks_like_folder(name):
    """Tell whether the `name` of a data set is spelled as a path.

    So is a `Path`, or text with a separator or a leading dot, whatever the working directory holds.
    """
    return isinstance(name, os.PathLike) or os.sep in name or name.startswith(".")


def as_folder(path):
    """Return the path of a folder as text that `looks_like_folder`."""
    path = str(path)
    return path if looks_like_folder(path) else os.path.join(".", path)
