"""Recipes: one file per trained entry, which says all that its training needs.

A recipe's file is named after its entry and holds a function `recipe()`.
"""

import importlib
import pkgutil

from tfgen.names import unknown


def names():
    """Return the names of all recipes; imports none of them."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")


def check(name):
    """Raise `UserError` unless there is a recipe called `name`; imports none."""
    if name not in names():
        raise unknown("recipe", name, names())


def get(name):
    """Return the `Recipe` called `name`; raises `UserError` if there is none."""
    check(name)
    return importlib.import_module(f"{__name__}.{name}").recipe()
