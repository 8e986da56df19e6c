"""Image data sets of TensorFlow Datasets, and the embedded digits, which are one of them.

Splits. A data set's own validation split is used where it has one; else the last sixth of the
training split, at most 10,000 images, is set aside (MNIST: the last 10,000). Without a test split,
the same share before those is the test.
"""

import contextlib
import difflib
import io
import logging
import os
import pathlib
import textwrap

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgen.data.gaussians import GAUSSIANS
from tfgen.data.image_data import IndexedSplit, StreamedSplit
from tfgen.download import cache_folder
from tfgen.errors import UserError

MADE_HERE = ("digits", "stacked_mnist", *GAUSSIANS)
MEMORY_LIMIT = 512 * 2**20  # bytes of uint8 pixels of one split
BUFFER_LIMIT = 256 * 2**20  # bytes of the shuffle buffer of a streamed split


def open_tfds(name, data_dir=None, limit=None, memory_limit=MEMORY_LIMIT):
    """Return the fields of `ImageData` for the data set `name`."""
    builder = _digits() if name == "digits" else _builder(name, _directory(data_dir))
    image_key, shape, label_key, class_names = _features(builder, name)
    splits, kinds = {}, set()
    for split, instruction, size in _split_instructions(builder, limit):
        large = size * int(np.prod(shape)) > memory_limit
        kinds.add("streamed" if large else "held in memory")
        elements = _reader(builder, instruction, image_key, label_key)
        if large:
            buffer = max(1, min(size, BUFFER_LIMIT // int(np.prod(shape))))
            splits[split] = StreamedSplit(size, elements, buffer)
        else:
            splits[split] = _LazySplit(size, elements)
    where = f"images of '{name}' are {' and '.join(sorted(kinds))}"
    return {
        "name": name,
        "image_shape": shape,
        "class_names": class_names,
        "splits": splits,
        "where": f"{where} (limit {memory_limit // 2**20} MiB a split)",
    }


def is_at_hand(name, data_dir=None):
    """Tell whether the data set `name` is made here or lies prepared in the data directory."""
    return name in MADE_HERE or _newest_version(name, _directory(data_dir)) is not None


class _LazySplit:
    """A small split, decoded into memory when it is first asked for."""

    def __init__(self, size, elements):
        self.size = size
        self._elements = elements
        self._loaded = None

    def _split(self):
        if self._loaded is None:
            batches = list(self._elements().batch(4096).as_numpy_iterator())
            images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
            self._loaded = IndexedSplit.in_memory(images, labels)
        return self._loaded

    @property
    def labels(self):
        return self._split().labels

    def train_batches(self, *args):
        return self._split().train_batches(*args)

    def in_order(self, *args):
        return self._split().in_order(*args)


def _reader(builder, instruction, image_key, label_key):
    def elements():
        config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        dataset = builder.as_dataset(split=instruction, shuffle_files=False, read_config=config)

        def pair(example):
            label = example[label_key] if label_key else 0
            return example[image_key], tf.cast(label, tf.int32)

        return dataset.map(pair, num_parallel_calls=2, deterministic=True)

    return elements


def _features(builder, name):
    features = builder.info.features
    images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
    labels = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    if not images:
        raise UserError(f"dataset '{name}' holds no images.")
    shape = features[images[0]].shape
    if None in shape:
        raise UserError(
            f"the images of dataset '{name}' differ in size ({shape}); "
            "tfgen needs images of one size."
        )
    if features[images[0]].np_dtype != np.uint8:
        raise UserError(f"the images of dataset '{name}' are not uint8.")
    if not labels:
        return images[0], shape, None, ()
    return images[0], shape, labels[0], tuple(features[labels[0]].names)


def _split_instructions(builder, limit=None):
    """Return (split, TFDS instruction, size) of train, validation and test.

    A `limit` keeps the first so many images of each.
    """
    sizes = {name: info.num_examples for name, info in builder.info.splits.items()}
    if "train" not in sizes:
        raise UserError(f"dataset '{builder.name}' has no split 'train'.")
    left = sizes["train"]
    held = min(10_000, left // 6)
    ranges = {}  # split -> (TFDS split, first image, end)
    for split in ("validation", "test"):
        if split in sizes:
            ranges[split] = (split, 0, sizes[split])
        else:
            ranges[split] = ("train", left - held, left)
            left -= held
    ranges = {"train": ("train", 0, left), **ranges}
    if limit is not None:
        ranges = {
            split: (source, start, min(end, start + limit))
            for split, (source, start, end) in ranges.items()
        }
    return [
        (split, f"{source}[{start}:{end}]", end - start)
        for split, (source, start, end) in ranges.items()
    ]


def _directory(data_dir):
    return data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR


def _builder(name, where):
    if prepared := _newest_version(name, where):
        with contextlib.suppress(Exception):
            # It needs no builder code: that is how data sets of one's own come in.
            return tfds.builder_from_directories([str(prepared)])
    known = [*tfds.list_builders(with_community_datasets=False), *MADE_HERE, *_prepared(where)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        raise UserError(f"dataset '{name}' is neither one of TFDS nor prepared in {where}{hint}")
    builder = tfds.builder(name, data_dir=where)
    try:
        _prepare(builder)
    except Exception as error:
        raise UserError(
            f"dataset '{name}' is not prepared in {where} and could not be downloaded "
            f"({_reason(error)}); prepare it with TFDS on a machine with network access, "
            "or name another --data_dir."
        ) from error
    return builder


def _reason(error):
    """Return in a few words why a download failed."""
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no network"
    words = str(error).strip() or type(error).__name__
    return textwrap.shorten(words.splitlines()[0], 100, placeholder=" ...")


def _newest_version(name, where):
    """Return the folder of the newest prepared version of a data set, or None."""
    found = [path.parent for path in pathlib.Path(where, name).glob("*/dataset_info.json")]

    def version(path):
        valid = tfds.core.Version.is_valid(path.name)
        return tfds.core.Version(path.name).tuple if valid else (), path.name

    return max(found, key=version, default=None)


def _prepared(where):
    return [path.parent.parent.name for path in pathlib.Path(where).glob("*/*/dataset_info.json")]


def _digits():
    from tfgen.data.digits import Digits

    cache = cache_folder()
    builder = Digits(data_dir=cache / "tensorflow_datasets")
    try:
        _prepare(builder)
    except OSError as error:
        if not builder.info.splits:  # else another process was faster
            raise UserError(
                f"the digits could not be written to {cache}: {error.strerror or error}; "
                "set TFGEN_CACHE to a directory that can be written."
            ) from error
    return builder


def _prepare(builder):
    tfds.disable_progress_bar()
    logging.disable(logging.WARNING)  # of each retry of each file, where there is no network
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    finally:
        logging.disable(logging.NOTSET)
