"""Go from image to image through the codes between theirs.

ENTRY is a name in the zoo, a folder or an address, of an autoencoder, a VAE or a GAN. The images
are those of --images, a folder or one file, or else of a split of the entry's own data set; of a
GAN, which encodes none, the samples of the seeds from --seed on, as `tfgen sample` draws them. The
first and the second are a pair, the third and the fourth, and so on; of a conditional entry, an
image and the next one of its class. A picture shows one pair a line, from the reconstruction (of a
GAN, the sample) of the one image to that of the other. The spherical path keeps to norms between
those of the two codes (White 2016).
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
        "path",
        None,
        ["linear", "spherical"],
        "linear or spherical; by default spherical for a GAN, else linear",
        flag_values=values,
    )
    codes.define(values)
    shared_flags.seed(values, "the first sample's seed, of a GAN")
    shared_flags.truncation(values)
    flags.DEFINE_string(
        "out", None, "FILE.png, FILE.npz (images, pairs), or a folder", flag_values=values
    )


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values, r"_\d{3}")
    shared_flags.check_label(values, entry)
    quiet.load("tfgen.models")
    import numpy as np

    codes.check_codes(entry, "interpolate")
    # Every class may leave one image without a partner.
    limit = 2 * values.n + entry.info["num_classes"]
    ends, labels, numbers = _ends(entry, values, limit)
    pairs = _pairs(np.zeros([len(ends)]) if labels is None else labels)[: values.n]
    if not len(pairs):
        what = "two images" if labels is None else "two images of one class"
        raise UserError(f"interpolate needs at least {what}, but got {len(ends)} in all.")
    model = zoo.load(entry)
    lines = model.interpolate(
        ends[pairs[:, 0]],
        ends[pairs[:, 1]],
        values.steps,
        None if labels is None else labels[pairs[:, 0]],
        **shared_flags.given(values, ("path", "truncation")),
    ).numpy()
    results.write(
        out,
        lines.reshape(-1, *model.image_shape),
        values.steps,
        {"images": lines, "pairs": numbers[pairs]},
        (
            (f"{pair:06d}_{step:03d}", image)
            for pair, line in enumerate(lines)
            for step, image in enumerate(line)
        ),
    )
    print(out)


def _ends(entry, values, limit):
    """Return what the model goes between, images or seeds, their labels or None, their numbers."""
    import numpy as np

    if entry.info["family"] != "GAN":
        reason = f"'{entry.name}' goes between images"
        shared_flags.check_absent(values, ("seed", "truncation"), reason)
        chosen = codes.choose(entry, values, limit)
        return chosen.images, chosen.labels, np.arange(len(chosen.images))
    reason = f"'{entry.name}' encodes no images"
    shared_flags.check_absent(values, ("images", "split", "data_dir"), reason)
    shared_flags.check_end(values.seed + limit, "--seed and --n reach")
    seeds = np.arange(values.seed, values.seed + limit)
    return seeds, shared_flags.labels_of(seeds, values, entry), seeds


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
