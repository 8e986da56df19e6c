"""Encode images and decode them again, and say how much was lost.

ENTRY is a name in the zoo, a folder or an address, of an autoencoder or a VAE. The images are those
of --images, a folder or one file, brought to the entry's grid of levels, or else the first of a
split of the entry's own data set. A picture shows lines of images, and their reconstructions below
them.
example: tfgen reconstruct vae_digits --out reconstructed.png
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import codes, quiet, results, shared_flags
from tfgen.names import counted

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_integer("n", 32, "number of images at most", lower_bound=1, flag_values=values)
    codes.define(values)
    flags.DEFINE_string(
        "out",
        None,
        "FILE.png, FILE.npz (images, reconstructions), or a folder (two PNGs an image)",
        flag_values=values,
    )


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values, r"_(image|reconstruction)")
    shared_flags.check_label(values, entry)
    quiet.load("tfgen.models")
    import numpy as np

    from tfgen.export import pictures
    from tfgen.models.base import in_batches

    codes.check_codes(entry, "reconstruct")
    model = zoo.load(entry)
    chosen = codes.choose(entry, values, limit=values.n)
    images = chosen.images
    reconstructions = in_batches(model.reconstruct, images, chosen.labels)
    error = np.mean((images / 255 - reconstructions / 255) ** 2)
    results.write(
        out,
        *pictures.in_lines([images, reconstructions]),
        {"images": images, "reconstructions": reconstructions},
        (
            (f"{index:06d}_{kind}", image)
            for index, pair in enumerate(zip(images, reconstructions, strict=True))
            for kind, image in zip(("image", "reconstruction"), pair, strict=True)
        ),
    )
    print(f"mean squared error: {error:.4g} (pixels in [0, 1]; {counted(len(images), 'image')})")
    print(out)
