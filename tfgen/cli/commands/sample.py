"""Draw images from an entry.

ENTRY is a name in the zoo, a folder or an address. Image k is that of the seed --seed + k, whatever
--n is, up to rounding; of a conditional entry without --label, its class is the seed modulo the
number of classes.
example: tfgen sample vae_digits --n 64 --out samples.png

--seeds FIRST:END (END excluded) fills a folder, in bounded memory, with files of consecutive seeds:
DIR/samples-00003-of-00016.tfrecord, or DIR/000123.png; DIR/samples.json tells what they hold. The
same command goes on after an interruption. Jobs with disjoint --shard make up what one run makes.
example: tfgen sample vae_digits --seeds 0:50000 --shard 3/16 --out DIR

A record is a tf.train.Example of image/encoded (a PNG), seed and, of a conditional entry, label:
    def image(record):
        feature = tf.io.FixedLenFeature([], tf.string)
        record = tf.io.parse_single_example(record, {"image/encoded": feature})
        return tf.io.decode_png(record["image/encoded"])
    files = tf.io.matching_files("DIR/*.tfrecord")
    images = tf.data.TFRecordDataset(files).map(image)
"""

import pathlib
import re

from absl import flags, logging

from tfgen import zoo
from tfgen.cli import quiet, results, shared_flags
from tfgen.errors import UserError
from tfgen.names import counted

ARGUMENTS = ("ENTRY",)
MOST_COLUMNS = 20
SHARD_SIZE = 1024  # a multiple of `shards.BATCH`, so that no batch is drawn twice


def define(values):
    flags.DEFINE_integer("n", 64, "number of images", lower_bound=1, flag_values=values)
    shared_flags.seed(values, "the first image's seed")
    shared_flags.label(values)
    shared_flags.temperature(values)
    shared_flags.truncation(values)
    flags.DEFINE_string(
        "out",
        None,
        "FILE.png (a grid), FILE.npz (images and seeds), or a folder (a PNG each)",
        flag_values=values,
    )
    flags.DEFINE_string("seeds", None, "FIRST:END instead of --n and --seed", flag_values=values)
    flags.DEFINE_string(
        "shard",
        None,
        "I/N, or I:J/N for I to J-1: of N shards, counted from 0, those to write; else all, of "
        f"about {SHARD_SIZE} seeds each",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "format",
        "tfrecord",
        ["tfrecord", "array_record", "png"],
        "of the files of --seeds",
        flag_values=values,
    )
    shared_flags.overwrite(values)


def run(name, values):
    entry = zoo.find(name)
    first, end = _seeds(values)
    number, chosen = _shards(values, end - first)
    out = _folder(values) if number else shared_flags.checked_out(values)
    label = shared_flags.check_label(values, entry)
    num_classes = entry.info["num_classes"]
    in_turn = num_classes > 0 and label is None  # a class an image
    settings = shared_flags.given(values, ("temperature", "truncation"))
    quiet.load("tfgen.models")
    import numpy as np

    from tfgen.export import shards

    if number:
        rule = f"seed % {num_classes}" if in_turn else label
        described = shards.describe(entry, first, end, number, values.format, rule, settings)
        shards.check_free(out, described)
    if in_turn and num_classes > 1:
        logging.info("no --label given: the %d classes come in turn", num_classes)
    model = zoo.load(entry)
    if "temperature" in settings:
        shared_flags.check_tractable(entry, model, "--temperature")
    if "truncation" in settings:
        shared_flags.check_adversarial(entry, model, "--truncation")

    def draw(first, end):
        seeds = np.arange(first, end)
        labels = shared_flags.labels_of(seeds, values, entry)
        return seeds, labels, model.sample(len(seeds), seed=first, labels=labels, **settings)

    if number:
        shards.claim(out, described)
        for shard in chosen:
            shards.write(out, described, shard, draw)
    else:
        seeds, labels, images = draw(first, end)
        columns = num_classes if in_turn and num_classes <= MOST_COLUMNS else None
        results.write(
            out,
            images,
            columns,
            {"images": images, "seeds": seeds, **({} if labels is None else {"labels": labels})},
            ((f"{seed:06d}", image) for seed, image in zip(seeds, images, strict=True)),
        )
    print(out)


def _seeds(values):
    """Return the first seed and the end, which is excluded, of --seeds or of --seed and --n."""
    if values.seeds is None:
        first, end, flag = values.seed, values.seed + values.n, "--seed and --n reach"
    else:
        _refuse(values, ("n", "seed", "overwrite"), "does not go with --seeds; leave it out")
        found = re.fullmatch(r"(\d+):(\d+)", values.seeds, re.ASCII)
        if not found:
            raise UserError(f"--seeds needs FIRST:END, as in 0:50000, but is '{values.seeds}'.")
        first, end, flag = int(found[1]), int(found[2]), "--seeds reaches"
        if first >= end:
            raise UserError(f"--seeds {values.seeds} is empty; END, excluded, must be above FIRST.")
    shared_flags.check_end(end, flag)
    return first, end


def _shards(values, seeds):
    """Return how many shards --seeds is cut into and the numbers of those to write."""
    if values.seeds is None:
        _refuse(values, ("shard", "format"), "goes with --seeds FIRST:END")
        return 0, ()
    if values.shard is None:
        number = -(-seeds // SHARD_SIZE)
        return number, range(number)
    found = re.fullmatch(r"(\d+)(?::(\d+))?/(\d+)", values.shard, re.ASCII)
    if not found:
        raise UserError(f"--shard needs I/N, as in 3/16, or I:J/N, but is '{values.shard}'.")
    number = int(found[3])
    chosen = range(int(found[1]), int(found[2] or int(found[1]) + 1))
    if not 1 <= number <= seeds:
        raise UserError(f"--shard cannot cut {counted(seeds, 'seed')} into {number} shards.")
    if not chosen or chosen[-1] >= number:
        raise UserError(
            f"--shard {values.shard} is out of range: shards count from 0, so that the last of "
            f"{number} is {number - 1}."
        )
    return number, chosen


def _folder(values):
    if not values.out:
        raise UserError("say where to: --out DIR.")
    out = pathlib.Path(values.out)
    if out.suffix in (".png", ".npz"):
        raise UserError(f"--seeds fills a folder, so --out must not be {out}.")
    return out


def _refuse(values, flags_given, why):
    for flag in flags_given:
        if values[flag].present:
            raise UserError(f"--{flag} {why}.")
