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
        classes: int32 [n], the own labels of the data set or of a folder of one folder per class;
            None where it has none.
        class_names: of `classes`.
        files: [n], paths of the images of --images, below a folder; None for a data set's.
    """

    images: Any
    labels: Any
    classes: Any = None
    class_names: tuple = ()
    files: Any = None


def define(values):
    flags.DEFINE_string("images", None, "folder of images, or one file", flag_values=values)


def choose(entry, values, split="test", limit=None):
    """Return the `EntryImages` of --images, or else of a split of the entry's data set.

    Pixels of --images are moved to the nearest level of the entry's grid.

    Args:
        entry: the `manifest.Entry`.
        values: flags, `images`, `label` and `data_dir` among them.
        split: of the entry's data set.
        limit: how many images are taken at most, the first ones; None: all.
    """
    import numpy as np

    from tfgen import data
    from tfgen.data.folder import read_named_images
    from tfgen.images import quantize

    info = entry.info
    if values.images:
        reason = "the images are those of --images"
        shared_flags.check_absent(values, ("split", "data_dir"), reason)
        images, files, classes, class_names = read_named_images(
            values.images, tuple(info["image_shape"]), limit
        )
        images = quantize(images, info["levels"])
        labels = None  # a folder's classes are not the entry's
    else:
        source = data.load(
            info["dataset"], data_dir=values.data_dir, levels=info["levels"], limit=limit
        )
        images, files, class_names = source.images(split), None, source.class_names
        labels = classes = source.labels(split) if source.num_classes else None
    label = shared_flags.check_label(values, entry)
    if not info["num_classes"]:
        labels = None
    elif label is not None:
        labels = np.full([len(images)], label, np.int32)
    elif labels is None:
        raise UserError(f"entry '{entry.name}' is conditional; say the class with --label.")
    return EntryImages(images, labels, classes, class_names, files)
