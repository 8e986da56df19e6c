"""Show what single coordinates of an image's code do.

ENTRY is a name in the zoo, a folder or an address, of an autoencoder or a VAE. The image is number
--image of --images, a folder or one file, or else of a split of the entry's own data set. Its code
is decoded with one coordinate set to each of --values in turn, the others as they are: one
coordinate a line of the picture. Without --dimensions, these are the most active ones, whose value
varies most from image to image (after Burda et al. 2015); the command says which.
example: tfgen traverse vae_digits --dimensions 0,3 --values -3:3:7 --out coordinates.png
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import codes, quiet, results, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_integer("image", 0, "number of the image", lower_bound=0, flag_values=values)
    flags.DEFINE_string(
        "dimensions",
        "top:10",
        "numbers of coordinates such as 0,3; all; or top:K, the K most active",
        flag_values=values,
    )
    flags.DEFINE_string(
        "values",
        "-3:3:7",
        "what a coordinate is set to, not added to what it was: FROM:TO:COUNT, or numbers such as "
        "-2,0,2; codes of a VAE lie mostly in -3..3",
        flag_values=values,
    )
    codes.define(values)
    flags.DEFINE_string(
        "out",
        None,
        "FILE.png, FILE.npz (images, dimensions, values), or a folder",
        flag_values=values,
    )


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values, r"_\d{3}")
    shared_flags.check_label(values, entry)
    top, dimensions = _dimensions(values.dimensions)
    settings = _values(values.values)
    quiet.load("tfgen.models")
    codes.check_codes(entry, "traverse")
    model = zoo.load(entry)
    if top > model.latent_dim and values["dimensions"].present:
        raise UserError(
            f"--dimensions must be at most top:{model.latent_dim}, all that the code has, but is "
            f"top:{top}."
        )
    chosen = codes.choose(entry, values, limit=None if top else values.image + 1)
    images, labels = chosen.images, chosen.labels
    if values.image >= len(images):
        raise UserError(f"--image must lie in 0..{len(images) - 1}, but is {values.image}.")
    if top:
        dimensions = _most_active(model, images, labels, top)
    elif dimensions is None:
        dimensions = list(range(model.latent_dim))
    one = slice(values.image, values.image + 1)
    labels = None if labels is None else labels[one]
    lines = model.traverse(images[one], dimensions, settings, labels).numpy()[0]
    results.write(
        out,
        lines.reshape(-1, *model.image_shape),
        len(settings),
        {"images": lines, "dimensions": dimensions, "values": settings},
        (
            (f"{dimension:06d}_{step:03d}", image)
            for dimension, line in zip(dimensions, lines, strict=True)
            for step, image in enumerate(line)
        ),
    )
    print(f"dimensions: {','.join(map(str, dimensions))}")
    print(out)


def _most_active(model, images, labels, n):
    """Return the `n` coordinates of the code that vary most over images, the first one most."""
    if len(images) < 2:
        raise UserError("one image does not tell which dimensions are active; give --dimensions.")
    return (-model.active_units(images, labels)).argsort(kind="stable")[:n].tolist()


def _dimensions(text):
    """Return (K, None) of top:K, (0, a list) of numbers, or (0, None) of all."""
    if text == "all":
        return 0, None
    try:
        if text.startswith("top:") and int(text[4:]) > 0:
            return int(text[4:]), None
        return 0, [int(word) for word in text.split(",")]
    except ValueError:
        raise UserError(
            f"--dimensions must be all, top:K, or numbers such as 0,3, but is '{text}'."
        ) from None


def _values(text):
    """Return the numbers of FROM:TO:COUNT or of a list."""
    import numpy as np

    try:
        if ":" not in text:
            return np.array([float(word) for word in text.split(",")])
        start, end, count = text.split(":")
        if int(count) > 0:
            return np.linspace(float(start), float(end), int(count))
    except ValueError:
        pass
    raise UserError(f"--values must be FROM:TO:COUNT or numbers such as -2,0,2, but is '{text}'.")
