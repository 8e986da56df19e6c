"""A folder of images as a data set.

    DIR/*.png                 unlabelled images
    DIR/<class>/*.png         images labelled by their folder

All images have one size and 8 bits a channel. If all are stored as grey, they have one channel,
else three (a grey picture in a palette or in three equal channels counts as colour); transparency
is dropped. The split follows from a hash of each file's name: of ten images eight train, one
validates, one tests; a small folder gives at least one image to each.
"""

import hashlib
import os
import pathlib
import re

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgen.data.image_data import IndexedSplit
from tfgen.errors import UserError
from tfgen.images import asserted
from tfgen.names import as_folder, counted

MEMORY_LIMIT = 512 * 2**20


def open_folder(path, limit=None, memory_limit=MEMORY_LIMIT):
    """Return the fields of `ImageData` for the folder `path`.

    Its name is spelled as a path, so that it is no data set's.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}.")
    files, class_names = _image_files(folder)
    for name in (str(folder), *class_names):
        shown = _shown(name)
        if shown != name:
            raise UserError(f"the folder name {shown} is not UTF-8, as an entry needs; rename it.")
    shape = _common_shape(files)
    labels = np.array([_label(file, class_names) for file in files], np.int32)
    splits, kinds = {}, set()
    for split, rows in _splits(files, folder).items():
        rows = rows[:limit]
        names, chosen = [files[row] for row in rows], labels[rows]
        large = len(rows) * int(np.prod(shape)) > memory_limit
        kinds.add("read when needed" if large else "held in memory")
        if large:
            splits[split] = IndexedSplit(len(rows), _file_reader(names, chosen, shape), chosen)
        else:
            images = np.stack([_pixels(file, shape) for file in names])
            splits[split] = IndexedSplit.in_memory(images, chosen)
    return {
        "name": as_folder(folder),
        "image_shape": shape,
        "class_names": class_names,
        "splits": splits,
        "where": f"images of {folder} are {' and '.join(sorted(kinds))}",
    }


def read_images(path, shape, limit=None):
    """Return the first `limit` images below a folder, or the one of a file, uint8 [n, *shape].

    Raises `UserError` unless all are images of the height, width and channels of `shape`; grey
    ones pass for colour.
    """
    return read_named_images(path, shape, limit)[0]


def read_named_images(path, shape, limit=None):
    """Return (images, names, classes, class_names) of what `read_images` returns.

    The names [n] are the files' paths below the folder. The classes, int32 [n], are None, and
    `class_names` is empty, without a folder per class.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise UserError(f"there is no file or folder {path}.")
    files, class_names = _image_files(path, at_least=1) if path.is_dir() else ([path], ())
    files = files[:limit]
    found = _common_shape(files)
    if found[:2] != shape[:2] or found[2] > shape[2]:
        kinds = {1: "grey", 3: "colour"}
        raise UserError(
            f"{path} must hold {kinds.get(shape[2], shape[2])} images of {shape[1]}x{shape[0]} "
            f"(width x height), but holds {kinds[found[2]]} ones of {found[1]}x{found[0]}."
        )
    images = np.stack([_pixels(file, shape) for file in files])
    names = [(file.relative_to(path) if path.is_dir() else file).as_posix() for file in files]
    classes = np.array([_label(file, class_names) for file in files], np.int32)
    return images, names, classes if class_names else None, tuple(map(_shown, class_names))


def _image_files(folder, at_least=3):
    entries = [
        entry
        for entry in sorted(folder.iterdir())
        if not entry.name.startswith(".") and entry.name != "samples.json"  # of `tfgen sample`
    ]
    classes = [entry for entry in entries if entry.is_dir()]
    loose = [entry for entry in entries if not entry.is_dir()]
    if classes and loose:
        raise UserError(
            f"{folder} holds both folders and files, such as {loose[0].name}; "
            "give either images or one folder of images per class."
        )
    if classes:
        found = [sorted(f for f in c.iterdir() if not f.name.startswith(".")) for c in classes]
        files = [file for group in found for file in group]
    else:
        files = loose
    if not files:
        raise UserError(f"there are no images in {folder}.")
    for file in files:
        if file.is_dir() or file.suffix.lower() not in Image.registered_extensions():
            raise UserError(f"{file} is not an image; take it out of {folder}.")
    if len(files) < at_least:
        held = counted(len(files), "image")
        raise UserError(f"{folder} holds {held}; at least {at_least} are needed.")
    return files, tuple(entry.name for entry in classes)


def _label(file, class_names):
    return class_names.index(file.parent.name) if class_names else 0


def _shown(name):
    """Return a file's name with what is not UTF-8 in it as escapes."""
    return name.encode(errors="backslashreplace").decode()


def _common_shape(files):
    first, grey = None, True
    for file in files:
        try:
            with Image.open(file) as image:
                size, mode, stored = image.size, image.mode, str(image.tile)
        except Exception as error:  # whatever Pillow makes of a damaged or hostile header
            raise UserError(f"{file} cannot be read as an image; mend or remove it.") from error
        # Pillow would clip the pixels of I;16, I and F to 0..255, and cut colours of 16 bits to 8.
        if mode[0] in "IF" or re.search(";16[BLN]", stored):
            raise UserError(f"{file} has more than 8 bits a channel; convert it to 8 bits.")
        grey = grey and mode in ("1", "L", "LA")
        first = first or (file, size)
        if size != first[1]:
            raise UserError(
                f"the images differ in size: {first[0].name} is {first[1][0]}x{first[1][1]}, "
                f"{file.name} is {size[0]}x{size[1]} (width x height); bring them to one size."
            )
    width, height = first[1]
    return height, width, 1 if grey else 3


def _pixels(file, shape):
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("L" if shape[-1] == 1 else "RGB"))
    except Exception as error:  # Pillow raises many: OSError, SyntaxError, struct.error ...
        raise UserError(f"{file} is a broken image; mend or remove it.") from error
    return pixels.reshape(shape)


def _file_reader(files, labels, shape):
    names, labels = [str(file) for file in files], tf.constant(labels)

    def read(rows):
        try:
            return np.stack([_pixels(names[row], shape) for row in rows]), b""
        except UserError as error:
            return np.zeros([0, *shape], np.uint8), str(error).encode(errors="backslashreplace")

    def gather(rows):
        images, mistake = tf.numpy_function(read, [rows], [tf.uint8, tf.string])
        images = asserted(images, tf.equal(mistake, ""), mistake)
        return tf.ensure_shape(images, [None, *shape]), tf.gather(labels, rows)

    return gather


def _splits(files, folder):
    """Return the rows of `files` of each split, from a hash of the name below the folder."""
    names = [os.fsencode(file.relative_to(folder).as_posix()) for file in files]
    hashes = [hashlib.sha256(name).digest()[:8] for name in names]
    order = np.argsort(np.array([int.from_bytes(h, "big") for h in hashes], np.uint64))
    held = max(1, len(files) // 10)
    # In the order of the hashes, so that the first images of a split are of all classes.
    return {"train": order[2 * held :], "validation": order[held : 2 * held], "test": order[:held]}
