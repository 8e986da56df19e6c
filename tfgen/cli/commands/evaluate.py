"""Score an entry on a split, as its card does.

ENTRY is a name in the zoo, a folder or an address. The data set is the entry's own unless --dataset
names another of the same image shape.
example: tfgen evaluate vae_digits
"""

import json
import pathlib

from absl import flags

from tfgen import zoo
from tfgen.cli import quiet, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_string("dataset", None, "data set or folder of images", flag_values=values)
    shared_flags.split(values)
    flags.DEFINE_bool(
        "binarised",
        False,
        "compare samples in black and white with binarised images, as those of entries of two "
        "levels are",
        flag_values=values,
    )
    flags.DEFINE_string(
        "maps",
        None,
        "FILE.png for the log-probability of each pixel of the first images, of an autoregressive "
        "entry",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "importance_samples",
        None,
        "codes an image for the importance-weighted bound of a VAE entry; else the entry's",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "samples",
        None,
        "samples in each set; else as many as the split has images, up to 10,000, up to some 2,000 "
        "where raw pixels are compared, 26,000 of stacked_mnist, 2,500 of rings and grids",
        lower_bound=1,
        flag_values=values,
    )
    shared_flags.seed(values, "the first seed of the samples")
    flags.DEFINE_integer(
        "sampling_seeds",
        3,
        "sets of samples; of several, mean and standard deviation are told",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "features",
        None,
        ["pixels", "classifier", "inception"],
        "what sample quality is measured on; else what suits the images",
        flag_values=values,
    )
    flags.DEFINE_enum("format", "text", ["text", "json"], "text or json", flag_values=values)
    shared_flags.overwrite(values)
    shared_flags.data_dir(values)


def run(name, values):
    entry = zoo.find(name)
    if values.maps:
        if not values.maps.endswith(".png"):
            raise UserError(f"--maps must end in .png, but is {values.maps}.")
        shared_flags.check_free(pathlib.Path(values.maps), "--maps", values)
    elif values.overwrite:
        raise UserError("--overwrite goes with --maps FILE.png; leave it out.")
    metrics = quiet.load("tfgen.metrics")
    from tfgen import data
    from tfgen.metrics.mode_coverage import STACKED_SAMPLES
    from tfgen.recipes.base import Recipe

    end = values.seed + values.sampling_seeds * (values.samples or STACKED_SAMPLES)
    shared_flags.check_end(end, "--seed, --samples and --sampling_seeds reach")
    images = data.load(
        values.dataset or entry.info["dataset"],
        data_dir=values.data_dir,
        levels=2 if values.binarised else entry.info["levels"],
    )
    if values.binarised and images.name in data.GAUSSIANS:
        raise UserError(
            f"'{images.name}' holds points, which are nothing in black and white; "
            "leave out --binarised."
        )
    model = zoo.load(entry)
    if values.maps:
        shared_flags.check_tractable(entry, model, "--maps")
    samples = values.importance_samples
    if samples is None:
        samples = entry.info["recipe"].get("importance_samples", Recipe.importance_samples)
    elif not hasattr(model, "log_prob_bound"):
        raise UserError(
            f"entry '{entry.name}' has no importance-weighted bound; "
            "leave out --importance_samples."
        )
    figures = metrics.evaluate(
        model,
        images,
        values.split,
        values.seed,
        importance_samples=samples,
        sampling_seeds=values.sampling_seeds,
        features=values.features,
        samples=values.samples,
    )
    if values.maps:
        _save_maps(model, images, values)
    if values.format == "json":
        about = {"dataset": images.name, "levels": images.levels}
        print(json.dumps({name: {**about, **f} for name, f in figures.items()}, indent=1))
        return
    from tfgen.export.card import value_text

    for metric, figure in figures.items():
        print(f"{metric}: {value_text(figure)}\n    {figure['protocol']}")


def _save_maps(model, images, values, n=16):
    from tfgen.export import pictures

    chosen = images.images(values.split, n)
    labels = images.labels(values.split, n) if model.num_classes else None
    pictures.save_surprise(chosen, model.log_prob_map(chosen, labels), values.maps)
