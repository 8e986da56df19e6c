"""Samples of many seeds as numbered files, written by any number of processes in turn or at once.

The seeds first..end-1 are cut into shards of consecutive seeds, counted from 0:

    samples.json                        what the folder holds: the entry, its weights, the shards
    samples-00003-of-00016.tfrecord     shard 3, a tf.train.Example an image
    000123.png                          or else a file an image, named by its seed

Each file appears whole, and one that is there is never made again. So a run that was killed goes
on, and what several processes write is what one would have written: all draw the same batches, as
the last bits of an image may depend on the batch that it is drawn in.
"""

import contextlib
import io
import json
import os
import tempfile

import tensorflow as tf
from absl import logging

import tfgen
from tfgen.errors import UserError
from tfgen.export import pictures
from tfgen.export.atomic import (
    NotWritten,
    clear_scratch,
    reason_of,
    told_as_of_files,
    written_beside,
)

BATCH = 256  # images in memory
MANIFEST = "samples.json"


def describe(entry, first, end, number, kind, labels, settings):
    """Return what samples.json says.

    Args:
        entry: the `Entry` that is drawn from.
        first, end: of the seeds; `end` is excluded.
        number: of shards.
        kind: "tfrecord", "array_record" or "png".
        labels: the one of all images, or how they follow from the seed; None without labels.
        settings: what else `model.sample` gets.
    """
    if kind == "array_record":
        _array_record()
    seeds, batches = end - first, -(-(end - first) // BATCH)
    if batches < number:
        cuts = [first + seeds * k // number for k in range(number + 1)]
    else:  # between batches, so that none is drawn twice
        cuts = [first + min(batches * k // number * BATCH, seeds) for k in range(number + 1)]
    shards = [{"seeds": [start, stop]} for start, stop in zip(cuts[:-1], cuts[1:], strict=True)]
    if kind != "png":
        for k, shard in enumerate(shards):
            shard["file"] = f"samples-{k:05d}-of-{number:05d}.{kind}"
    return {
        "entry": entry.name,
        "weights_sha256": entry.info["files"]["model.keras"]["sha256"],
        "tfgen": tfgen.__version__,
        "image_shape": entry.info["image_shape"],
        "seeds": [first, end],
        "labels": labels,
        "settings": settings,
        "format": kind,
        "shards": shards,
    }


def claim(folder, described):
    """Write samples.json, or check that the one there says the same; `UserError` if it does not.

    Of processes that do so at once with different settings, one succeeds.
    """
    path = folder / MANIFEST
    check_free(folder, described)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{MANIFEST}.", dir=folder) as scratch:
            beside = os.path.join(scratch, MANIFEST)
            with open(beside, "w", encoding="utf-8") as file:
                json.dump(described, file, indent=1)
            try:
                os.link(beside, path)  # which, unlike a rename, replaces nothing
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                os.replace(beside, path)
    except OSError as error:
        raise NotWritten(path, reason_of(error)) from error
    check_free(folder, described)


def check_free(folder, described):
    """Raise `UserError` unless the folder is empty or holds samples that are so described."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; --out must name a folder.")
    others = [path for path in folder.iterdir() if not path.name.startswith(".")]
    path = folder / MANIFEST
    if not path.exists():
        if others:
            raise UserError(f"{folder} is not empty; choose another --out.")
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in described if there.get(key) != described[key]]
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path} cannot be read; choose another --out.") from error
    if differing:
        key = differing[0]
        was, now = (
            f"{len(of[key])} shards" if key == "shards" else f"{key} {of.get(key)}"
            for of in (there, described)
        )
        raise UserError(f"{folder} holds samples of {was}, not {now}; choose another --out.")


def write(folder, described, shard, draw):
    """Write a shard into the folder, unless it is there.

    Args:
        described: what `describe` returned, as `claim` wrote it.
        shard: its number, from 0.
        draw: a function of (first, end) that returns the seeds, labels (or None) and images.
    """
    first, end = described["shards"][shard]["seeds"]
    if described["format"] == "png":
        digits = max(6, len(str(described["seeds"][1] - 1)))  # names sort as the seeds do
        names = {seed: f"{seed:0{digits}d}.png" for seed in range(first, end)}
        _write_pngs(folder, names, _batches(described, shard, draw))
        return
    path = folder / described["shards"][shard]["file"]
    if path.exists():
        logging.info("%s is there", path.name)
        return
    try:
        _write_records(path, described["format"], _batches(described, shard, draw))
    except NotWritten:
        if not path.exists():  # else another process wrote the same shard meanwhile
            raise
    logging.info("%s is written", path.name)


def example(image, seed, label=None):
    """Return the serialised tf.train.Example of one image, uint8 [h, w, c], as PNG."""
    file = io.BytesIO()
    pictures.as_pillow(image).save(file, "PNG")
    message = tf.train.Example()
    features = message.features.feature
    features["image/encoded"].bytes_list.value.append(file.getvalue())
    features["seed"].int64_list.value.append(int(seed))
    if label is not None:
        features["label"].int64_list.value.append(int(label))
    return message.SerializeToString(deterministic=True)


def _batches(described, shard, draw):
    """Yield (seeds, function that draws them) for the shard's part of each batch of the run.

    The function returns an iterator of the seeds' (seed, label, image).
    """
    (origin, last), (first, end) = described["seeds"], described["shards"][shard]["seeds"]
    for start in range(first - (first - origin) % BATCH, end, BATCH):
        stop = min(start + BATCH, last)
        own = range(max(start, first), min(stop, end))

        def drawn(start=start, stop=stop, own=own):
            seeds, labels, images = draw(start, stop)
            labels = [None] * len(seeds) if labels is None else labels
            rows = zip(seeds, labels, images, strict=True)
            return (row for row in rows if row[0] in own)

        yield own, drawn


def _write_records(path, kind, batches):
    with written_beside(path) as beside, _writer(beside, kind) as put:
        for _, drawn in batches:
            for seed, label, image in drawn():
                put(example(image, seed, label))


def _write_pngs(folder, names, batches):
    clear_scratch(folder, names.values())
    there = {path.name for path in folder.iterdir()}
    for seeds, drawn in batches:
        if all(names[seed] in there for seed in seeds):
            continue
        for seed, _, image in drawn():
            if names[seed] not in there:
                pictures.save_image(image, folder / names[seed])


@contextlib.contextmanager
def _writer(path, kind):
    """Yield a function that writes a record to a new file."""
    if kind == "array_record":
        writer = _array_record().ArrayRecordWriter(str(path), "group_size:1")
    else:
        writer = tf.io.TFRecordWriter(str(path))

    def put(record):
        with _told():
            writer.write(record)

    try:
        yield put
    finally:
        with _told():
            writer.close()


@contextlib.contextmanager
def _told():
    """Turn the errors of writers of records into OSError."""
    try:
        with told_as_of_files():
            yield
    except RuntimeError as error:  # of array_record: "write() failed: No space ...; at byte ..."
        raise OSError(str(error).split(";")[0].removeprefix("write() failed: ")) from error


def _array_record():
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise UserError(
            "--format array_record needs the package array_record, which TFDS brings on Linux "
            "only; use tfrecord."
        ) from error
    return array_record_module
