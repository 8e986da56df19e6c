"""Draw images from an entry.

ENTRY is a name in the zoo or a folder. Image k is that of the seed --seed + k, whatever --n is. A
conditional entry without --label takes its classes in turn.
example: tfgen sample vae_digits --n 64 --out samples.png
"""

import pathlib

from absl import flags, logging

from tfgen import zoo
from tfgen.cli import quiet, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_integer("n", 64, "number of images", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "the first image's seed", lower_bound=0, flag_values=values)
    flags.DEFINE_integer("label", None, "class to draw, of a conditional entry", flag_values=values)
    flags.DEFINE_string(
        "out",
        None,
        "FILE.png (a grid), FILE.npz (images and seeds), or a folder (a PNG each)",
        flag_values=values,
    )
    shared_flags.overwrite(values)


def run(name, values):
    entry = zoo.find(name)
    out = _checked_out(values)
    num_classes = entry.info["num_classes"]
    if values.label is not None and not num_classes:
        raise UserError(f"entry '{entry.name}' is unconditional; leave out --label.")
    if values.label is not None and not 0 <= values.label < num_classes:
        raise UserError(f"--label must lie in 0..{num_classes - 1}, but is {values.label}.")
    if values.seed + values.n > 2**31 - 1:
        raise UserError("--seed and --n reach beyond the largest seed, 2147483646.")
    quiet.load("tfgen.models")
    import numpy as np

    from tfgen.export import pictures
    from tfgen.export.atomic import written_beside

    labels = None
    if num_classes and values.label is None:
        labels = np.arange(values.n) % num_classes
        logging.info("no --label given: the %d classes come in turn", num_classes)
    elif num_classes:
        labels = np.full([values.n], values.label)
    images = zoo.load(name).sample(values.n, seed=values.seed, labels=labels)
    seeds = np.arange(values.seed, values.seed + values.n)
    if out.suffix == ".png":
        pictures.save_grid(images, out)
    elif out.suffix == ".npz":
        arrays = {"images": images, "seeds": seeds}
        with written_beside(out) as beside:
            np.savez_compressed(beside, **arrays, **({} if labels is None else {"labels": labels}))
    else:
        with written_beside(out) as beside:
            beside.mkdir()
            for seed, image in zip(seeds, images, strict=True):
                pictures.save_image(image, beside / f"{seed:06d}.png")
    print(out)


def _checked_out(values):
    if not values.out:
        raise UserError("say where to: --out FILE.png, FILE.npz or a folder.")
    out = pathlib.Path(values.out)
    if out.suffix not in (".png", ".npz", ""):
        raise UserError(f"--out must end in .png or .npz or name a folder, but is {out}.")
    if out.exists() and not values.overwrite:
        raise UserError(f"{out} exists; choose another --out, or pass --overwrite.")
    if out.is_dir() and out.suffix:
        raise UserError(f"{out} is a folder; choose another --out.")
    return out
