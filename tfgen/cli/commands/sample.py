"""Draw images from an entry.

ENTRY is a name in the zoo or a folder. Image k is that of the seed --seed + k, whatever --n is; of
a conditional entry without --label, its class is the seed modulo the number of classes.
example: tfgen sample vae_digits --n 64 --out samples.png
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import quiet, results, shared_flags

ARGUMENTS = ("ENTRY",)


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
    shared_flags.overwrite(values)


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values)
    shared_flags.check_label(values, entry)
    shared_flags.check_seeds(values, values.n)
    quiet.load("tfgen.models")
    import numpy as np

    seeds = np.arange(values.seed, values.seed + values.n)
    labels = shared_flags.labels_of(seeds, values, entry)
    model = zoo.load(name)
    settings = {}
    if values.temperature is not None:
        shared_flags.check_tractable(entry, model, "--temperature")
        settings["temperature"] = values.temperature
    if values.truncation is not None:
        shared_flags.check_adversarial(entry, model, "--truncation")
        settings["truncation"] = values.truncation
    images = model.sample(values.n, seed=values.seed, labels=labels, **settings)
    results.write(
        out,
        images,
        None,
        {"images": images, "seeds": seeds, **({} if labels is None else {"labels": labels})},
        ((f"{seed:06d}", image) for seed, image in zip(seeds, images, strict=True)),
    )
    print(out)
