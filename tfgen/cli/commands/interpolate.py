"""Go from image to image through the codes between theirs.

ENTRY is a name in the zoo, a folder or an address, of an autoencoder or a VAE. The images are those
of --images, a folder or one file, or else of a split of the entry's own data set: the first and the
second are a pair, the third and the fourth, and so on; of a conditional entry, an image and the
next one of its class. A picture shows one pair a line, from the reconstruction of the one image to
that of the other. The spherical path keeps to norms between those of the two codes (White 2016).
example: tfgen interpolate vae_digits --path spherical --out between.png
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import codes, quiet, results, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_integer("n", 8, "number of pairs at most", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "steps", 9, "images a pair, both ends included", lower_bound=2, flag_values=values
    )
    flags.DEFINE_enum(
        "path", "linear", ["linear", "spherical"], "linear or spherical", flag_values=values
    )
    codes.define(values)
    flags.DEFINE_string(
        "out", None, "FILE.png, FILE.npz (images, pairs), or a folder", flag_values=values
    )


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values)
    shared_flags.check_label(values, entry)
    quiet.load("tfgen.models")
    import numpy as np

    codes.check_codes(entry, "interpolate")
    model = zoo.load(entry)
    # Every class may leave one image without a partner.
    chosen = codes.choose(entry, values, limit=2 * values.n + model.num_classes)
    images, labels = chosen.images, chosen.labels
    pairs = _pairs(np.zeros([len(images)]) if labels is None else labels)[: values.n]
    if not len(pairs):
        what = "two images" if labels is None else "two images of one class"
        raise UserError(f"interpolate needs at least {what}; there are {len(images)} images.")
    lines = model.interpolate(
        images[pairs[:, 0]],
        images[pairs[:, 1]],
        values.steps,
        None if labels is None else labels[pairs[:, 0]],
        values.path,
    ).numpy()
    results.write(
        out,
        lines.reshape(-1, *model.image_shape),
        values.steps,
        {"images": lines, "pairs": pairs},
        (
            (f"{pair:06d}_{step:03d}", image)
            for pair, line in enumerate(lines)
            for step, image in enumerate(line)
        ),
    )
    print(out)


def _pairs(classes):
    """Return the indices [n, 2] of each image and the next one of its class, each image once."""
    import numpy as np

    waiting, pairs = {}, []
    for index, label in enumerate(classes.tolist()):
        if label in waiting:
            pairs.append((waiting.pop(label), index))
        else:
            waiting[label] = index
    return np.array(pairs, np.int64).reshape(-1, 2)
