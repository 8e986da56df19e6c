"""The images that a command works on: those of --images, or some of the entry's own data set."""

import dataclasses
from typing import Any

from absl import flags

from tfgen.cli import shared_flags
from tfgen.errors import UserError


@dataclasses.dataclass(frozen=True)
class EntryImages:
    """Images for an entry.

    Attributes:
        images: uint8 [n, h, w, c].
        labels: int32 [n], what a conditional model is given; None for an unconditional one.
        classes: int32 [n], the data set's own labels; None where it has none.
        class_names: of `classes`.
    """

    images: Any
    labels: Any
    classes: Any = None
    class_names: tuple = ()


def define(values):
    flags.DEFINE_string("images", None, "folder of images, or one file", flag_values=values)


def choose(entry, values, split="test", limit=None, to_grid=False):
    """Return the `EntryImages` of --images, or else of a split of the entry's data set.

    Args:
        entry: the `manifest.Entry`.
        values: flags, `images`, `label` and `data_dir` among them.
        split: of the entry's data set.
        limit: how many images are taken at most, the first ones; None: all.
        to_grid: whether pixels of --images are moved to the nearest level of the entry's grid;
            else it is the model that refuses others.
    """
    import numpy as np

    from tfgen import data
    from tfgen.data.folder import read_images
    from tfgen.images import quantize

    info = entry.info
    classes, class_names = None, ()
    if values.images:
        reason = "the images are those of --images"
        shared_flags.check_absent(values, ("split", "data_dir"), reason)
        images = read_images(values.images, tuple(info["image_shape"]), limit)
        images = quantize(images, info["levels"]) if to_grid else images
    else:
        source = data.load(
            info["dataset"], data_dir=values.data_dir, levels=info["levels"], limit=limit
        )
        images = source.images(split)
        if source.num_classes:
            classes, class_names = source.labels(split), source.class_names
    if not info["num_classes"]:
        return EntryImages(images, None, classes, class_names)
    labels = classes if values.label is None else np.full([len(images)], values.label, np.int32)
    if labels is None:
        raise UserError(f"entry '{entry.name}' is conditional; say the class with --label.")
    return EntryImages(images, labels, classes, class_names)
