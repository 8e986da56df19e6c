"""Draw images from an entry.

ENTRY is a name in the zoo, a folder or an address. Image k is that of the seed --seed + k, whatever
--n is; of a conditional entry without --label, its class is the seed modulo the number of classes.
example: tfgen sample vae_digits --n 64 --out samples.png
"""

from absl import flags, logging

from tfgen import zoo
from tfgen.cli import quiet, results, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_integer("n", 64, "number of images", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "the first image's seed", lower_bound=0, flag_values=values)
    shared_flags.label(values)
    shared_flags.temperature(values)
    flags.DEFINE_string(
        "out",
        None,
        "FILE.png (a grid), FILE.npz (images and seeds), or a folder (a PNG each)",
        flag_values=values,
    )
    shared_flags.overwrite(values)


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values)
    shared_flags.check_label(values, entry)
    if values.seed + values.n > 2**31 - 1:
        raise UserError("--seed and --n reach beyond the largest seed, 2147483646.")
    quiet.load("tfgen.models")
    import numpy as np

    seeds = np.arange(values.seed, values.seed + values.n)
    labels = None
    num_classes = entry.info["num_classes"]
    if num_classes and values.label is None:
        labels = seeds % num_classes  # of the seed alone, so that disjoint runs make up one
        logging.info("no --label given: the %d classes come in turn", num_classes)
    elif num_classes:
        labels = np.full([values.n], values.label)
    model = zoo.load(entry)
    settings = {}
    if values.temperature is not None:
        shared_flags.check_tractable(entry, model, "--temperature")
        settings["temperature"] = values.temperature
    images = model.sample(values.n, seed=values.seed, labels=labels, **settings)
    results.write(
        out,
        images,
        None,
        {"images": images, "seeds": seeds, **({} if labels is None else {"labels": labels})},
        ((f"{seed:06d}", image) for seed, image in zip(seeds, images, strict=True)),
    )
    print(out)
