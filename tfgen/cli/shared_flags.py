"""Flags that several commands share."""

import os
import pathlib
import re
import shlex

from absl import flags

from tfgen.errors import UserError
from tfgen.names import as_folder

LARGEST_SEED = 2**31 - 2
INDEX = r"(\d{6}|[1-9]\d{6,9})"  # with which the files in a folder of results begin


def data_dir(values):
    flags.DEFINE_string(
        "data_dir",
        None,
        "TFDS's data directory; else TFDS_DATA_DIR, else TFDS's default",
        flag_values=values,
    )


def other_images(values):
    flags.DEFINE_string("images", None, "folder of images", flag_values=values)
    flags.DEFINE_string("dataset", None, "or the name of a data set", flag_values=values)


def chosen_images(values):
    """Return what the flags of `other_images` name, as `tfgen.data.load` takes it, or None."""
    if values.images is not None and values.dataset is not None:
        raise UserError("give either --images DIR or --dataset NAME.")
    return as_folder(values.images) if values.images is not None else values.dataset


def training(values, usual_rate="it falls as the recipe's does", usual_seed="the recipe's"):
    flags.DEFINE_integer("steps", None, "steps of training", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "batch_size", None, "images a step, over all replicas", lower_bound=1, flag_values=values
    )
    flags.DEFINE_float(
        "learning_rate",
        None,
        f"the highest; {usual_rate}",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        None,
        f"of fresh weights, the order of the data and the noise; else {usual_seed}",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "one", "mirrored", "multiworker"],
        "auto, one, mirrored or multiworker",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "keep", 3, "checkpoints to keep, the newest", lower_bound=1, flag_values=values
    )
    flags.DEFINE_float(
        "checkpoint_seconds", 60, "between checkpoints", lower_bound=0, flag_values=values
    )
    flags.DEFINE_enum(
        "on_nan",
        "stop",
        ["stop", "rollback"],
        "when the loss is not finite or explodes: stop, or rollback to the last checkpoint",
        flag_values=values,
    )
    overwrite(values)
    data_dir(values)


def training_options(values):
    """Return what the flags of `training` say of how to train, as arguments of `train`."""
    names = ("strategy", "data_dir", "overwrite", "keep", "checkpoint_seconds", "on_nan")
    return {name: values[name].value for name in names}


def command_line(command, argument, values):
    """Return what to type to go on with an interrupted command, with the flags that were given.

    Without --overwrite, which let it begin: it goes on with what it has, and starts nothing anew.
    """
    repeated = (flag for flag in values if values[flag].present and flag != "overwrite")
    given = [values[flag].serialize() for flag in repeated]
    return shlex.join(["tfgen", command, argument, *given])


def overwrite(values):
    flags.DEFINE_bool("overwrite", False, "replace an earlier result", flag_values=values)


def split(values):
    flags.DEFINE_enum(
        "split", "test", ["train", "validation", "test"], "of the data", flag_values=values
    )


def label(values, what="class to draw, of a conditional entry"):
    flags.DEFINE_string("label", None, f"{what}: its name or number", flag_values=values)


def check_label(values, entry):
    """Return the number of the entry's class that --label names, None if it is left out."""
    from tfgen.export.card import classes_text

    names = entry.info["class_names"]
    if values.label is None:
        return None
    if not names:
        raise UserError(f"entry '{entry.name}' is unconditional; leave out --label.")
    if values.label in names:
        return names.index(values.label)
    if values.label.isdecimal() and int(values.label) < len(names):
        return int(values.label)
    raise UserError(
        f"--label must be one of the {len(names)} classes of '{entry.name}', by name or number, "
        f"but is '{values.label}': {classes_text(names)}."
    )


def labels_of(seeds, values, entry):
    """Return the classes [n] of the images of seeds [n]: --label, or in turn; None without any."""
    num_classes, label = entry.info["num_classes"], check_label(values, entry)
    if not num_classes:
        return None
    if label is None:
        return seeds % num_classes  # of the seed alone, so that disjoint runs make up one
    return 0 * seeds + label


def seed(values, what):
    flags.DEFINE_integer("seed", 0, what, lower_bound=0, flag_values=values)


def check_absent(values, names, reason):
    """Raise `UserError` if a flag was given that, for that reason, says nothing."""
    for name in names:
        if name in values and values[name].present:
            raise UserError(f"{reason}; leave out --{name}.")


def given(values, names):
    """Return name -> value of those flags that have one."""
    return {name: values[name].value for name in names if values[name].value is not None}


def check_end(end, flags_reach):
    """Raise `UserError` unless the seeds before `end`, which those flags reach, are int32."""
    if end > LARGEST_SEED + 1:
        raise UserError(f"{flags_reach} beyond the largest seed, {LARGEST_SEED}.")


def temperature(values):
    flags.DEFINE_float(
        "temperature",
        None,
        "of the pixels of an autoregressive entry: below 1 sharper, above 1 flatter",
        flag_values=values,
    )


def truncation(values):
    flags.DEFINE_float(
        "truncation",
        None,
        "bound of the noise of a GAN entry, |z|: the smaller, the less varied the images",
        flag_values=values,
    )


def check_tractable(entry, model, flag=None):
    """Raise `UserError` unless a model is autoregressive, as completion, or a flag, needs."""
    from tfgen.models.base import TractableModel

    if isinstance(model, TractableModel):
        return
    if flag:
        raise _not_its_flag(entry, model, flag, "autoregressive")
    raise UserError(
        f"entry '{entry.name}' is of the family {model.family}; only autoregressive entries "
        "complete images."
    )


def check_adversarial(entry, model, flag):
    """Raise `UserError` unless a model is a GAN, as a flag needs."""
    from tfgen.models.adversarial import AdversarialModel

    if not isinstance(model, AdversarialModel):
        raise _not_its_flag(entry, model, flag, "GAN")


def _not_its_flag(entry, model, flag, family):
    return UserError(
        f"{flag} is of {family} entries, but '{entry.name}' is of the family {model.family}; "
        "leave it out."
    )


def checked_out(values, ending=""):
    """Return the path of --out, a .png, an .npz or a folder, that can be written.

    Args: ending: a pattern of what follows the index in the names of a folder's images.
    """
    if not values.out:
        raise UserError("say where to: --out FILE.png, FILE.npz or a folder.")
    out = pathlib.Path(values.out)
    if out.suffix not in (".png", ".npz", ""):
        raise UserError(f"--out must end in .png or .npz or name a folder, but is {out}.")
    if out.is_dir() and out.suffix:
        raise UserError(f"{out} is a folder; choose another --out.")
    check_free(out, "--out", values, INDEX + ending + r"\.png")
    return out


def check_free(path, flag, values, names=None):
    """Raise `UserError` if something is at the path of a flag, unless --overwrite is given.

    A folder is replaced only if `names`, a pattern, matches the path of every file in it.
    """
    if names and path.is_dir():
        for file in path.rglob("*"):
            name = file.relative_to(path).as_posix()
            if not file.is_dir() and not re.fullmatch(names, name, re.ASCII):
                raise UserError(
                    f"{path} holds {name}, which this command does not write and would have to "
                    f"remove; choose another {flag}."
                )
    if path.exists() and not values.overwrite:
        raise UserError(f"{path} exists; choose another {flag}, or pass --overwrite.")


def print_finished(path):
    """Say what a training left and what can be done with it."""
    from tfgen import zoo
    from tfgen.export.card import value_text

    for name, figure in zoo.find(path).info["metrics"].items():
        print(f"{name}: {value_text(figure)}")
    print(f"entry: {path}   samples: {path / 'samples.png'}")
    folder = os.path.join(".", path)  # a bare name may be one of the zoo's
    print(f"next: {shlex.join(['tfgen', 'sample', folder, '--out', 'more.png'])}")
