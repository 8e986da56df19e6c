"""Complete images of which a part is known, with an autoregressive entry.

ENTRY is a name in the zoo, a folder or an address. The images are those of --images, a folder or
one file, brought to the entry's grid of levels, or else the first of its own test split. Pixels
that --mask calls known stay as they are; each of the others is drawn given those before it, row by
row from the top left (of a multi-scale entry, the pixels of its small image first). A picture
shows, line by line, what is known, the completions, and the image itself.
example: tfgen complete pixelcnn_digits --mask top --out completed.png
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import entry_images, quiet, results, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    entry_images.define(values)
    flags.DEFINE_string(
        "mask",
        "top",
        "what is known: top (the upper half), left, random (one half of the pixels, the same ones "
        "for every --seed), or FILE.png, of the images' size, whose white pixels they are",
        flag_values=values,
    )
    flags.DEFINE_integer("n", 8, "number of images at most", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "samples", 4, "completions of each image", lower_bound=1, flag_values=values
    )
    shared_flags.seed(values, "the first completion's seed")
    shared_flags.label(values)
    shared_flags.temperature(values)
    flags.DEFINE_string(
        "out", None, "FILE.png, FILE.npz (images, mask, completed), or a folder", flag_values=values
    )
    shared_flags.overwrite(values)
    shared_flags.data_dir(values)


def run(name, values):
    entry = zoo.find(name)
    out = shared_flags.checked_out(values, r"_\d+")
    shared_flags.check_label(values, entry)
    end = values.seed + values.n * values.samples
    shared_flags.check_end(end, "--seed, --n and --samples reach")
    quiet.load("tfgen.models")
    import numpy as np

    model = zoo.load(entry)
    shared_flags.check_tractable(entry, model)
    chosen = entry_images.choose(entry, values, limit=values.n)
    images = chosen.images
    mask = _mask(values, model.image_shape)
    n, k = len(images), values.samples
    completed = model.complete(
        np.repeat(images, k, axis=0),
        mask,
        seeds=np.arange(values.seed, values.seed + n * k, dtype=np.int32),
        labels=None if chosen.labels is None else np.repeat(chosen.labels, k),
        temperature=1.0 if values.temperature is None else values.temperature,
    ).numpy()
    known = np.where(mask[..., None], images, np.uint8(128))
    lines = [known[:, None], completed.reshape(n, k, *model.image_shape), images[:, None]]
    results.write(
        out,
        np.concatenate(lines, axis=1).reshape(-1, *model.image_shape),
        k + 2,
        {"images": images, "mask": mask, "completed": completed},
        ((f"{index // k:06d}_{index % k}", image) for index, image in enumerate(completed)),
    )
    print(out)


def _mask(values, image_shape):
    """Return which pixels are known, bool [h, w]."""
    import numpy as np

    from tfgen.data.folder import read_images

    height, width, _ = image_shape
    if values.mask == "random":
        return np.random.default_rng(0).random([height, width]) < 0.5
    mask = np.zeros([height, width], bool)
    if values.mask == "top":
        mask[: height // 2] = True
    elif values.mask == "left":
        mask[:, : width // 2] = True
    elif values.mask.lower().endswith(".png"):
        return read_images(values.mask, (height, width, 1), 1)[0, ..., 0] > 127
    else:
        raise UserError(f"--mask must be top, left, random or FILE.png, but is '{values.mask}'.")
    return mask
