"""What the commands of latent codes share: their images, and which entries have codes."""

from tfgen import zoo
from tfgen.cli import entry_images, shared_flags
from tfgen.errors import UserError


def define(values):
    entry_images.define(values)
    shared_flags.split(values)
    shared_flags.label(values, "class of the images, of a conditional entry; else the data's")
    shared_flags.overwrite(values)
    shared_flags.data_dir(values)


def choose(entry, values, limit=None):
    """Return the `EntryImages` that the flags of `define` name, on the entry's grid of levels."""
    return entry_images.choose(entry, values, values.split, limit)


def check_codes(entry, command):
    """Raise `UserError` unless the entry's model has codes, as the command of that name needs."""
    if not _can(entry, command):
        names = ", ".join(other.name for other in zoo.entries() if _can(other, command))
        raise UserError(
            f"entry '{entry.name}' is of the family {entry.info['family']}; {command} needs an "
            f"entry with codes: {names}."
        )


def _can(entry, command):
    """Tell whether the entry's model has the method of that name, as each command's is called."""
    from tfgen.models.base import REGISTRY

    return hasattr(REGISTRY.get(entry.info["model"]), command)
