"""Write the latent codes of images.

ENTRY is a name in the zoo, a folder or an address, of an autoencoder or a VAE. The images are those
of --images, a folder or one file, brought to the entry's grid of levels, or else a split of the
entry's own data set. --out FILE.npz holds latents and the images' indices and, of a data set, its
name and the split, of --images the files' paths below the folder; the labels where there are any,
which count the folders of a folder per class by name. --projector DIR is a folder for TensorBoard's
projector.
example: tfgen encode vae_digits --out latents.npz --projector projector
"""

import pathlib
import shlex

from absl import flags

from tfgen import zoo
from tfgen.cli import codes, quiet, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)
PROJECTOR = r"(tensors|metadata)\.tsv|sprite\.png|projector_config\.pbtxt"


def define(values):
    flags.DEFINE_integer(
        "n", None, "number of images at most; else all", lower_bound=1, flag_values=values
    )
    codes.define(values)
    flags.DEFINE_string("out", None, "FILE.npz", flag_values=values)
    flags.DEFINE_string(
        "projector", None, "folder that tensorboard --logdir shows", flag_values=values
    )


def run(name, values):
    entry = zoo.find(name)
    out, folder = _places(values)
    shared_flags.check_label(values, entry)
    quiet.load("tfgen.models")
    from tfgen.models.base import in_batches

    codes.check_codes(entry, "encode")
    model = zoo.load(entry)
    chosen = codes.choose(entry, values, limit=values.n)
    latents = in_batches(model.encode, chosen.images, chosen.labels)
    if folder:
        from tfgen.export import projector

        projector.write(folder, latents, chosen.images, chosen.classes, chosen.class_names)
    if out:
        _save(out, entry, values, chosen, latents)
        print(out)
    if folder:
        print(folder)
        print(f"next: {shlex.join(['tensorboard', '--logdir', str(folder)])}")


def _places(values):
    """Return the paths of --out and --projector, None for one that is not given."""
    if not values.out and not values.projector:
        raise UserError("say where to: --out FILE.npz, or --projector DIR.")
    out = pathlib.Path(values.out) if values.out else None
    folder = pathlib.Path(values.projector) if values.projector else None
    if out and (out.suffix != ".npz" or out.is_dir()):
        raise UserError(f"--out must be a file that ends in .npz, but is {out}.")
    if folder and folder.is_file():
        raise UserError(f"--projector must be a folder, but {folder} is a file.")
    if out:
        shared_flags.check_free(out, "--out", values)
    if folder:
        shared_flags.check_free(folder, "--projector", values, PROJECTOR)
    return out, folder


def _save(out, entry, values, chosen, latents):
    import numpy as np

    from tfgen.export.atomic import written_beside

    arrays = {"latents": latents, "indices": np.arange(len(latents))}
    if values.images:
        arrays["files"] = chosen.files
    else:
        arrays |= {"dataset": entry.info["dataset"], "split": values.split}
    if chosen.classes is not None:
        arrays["labels"] = chosen.classes
    with written_beside(out) as beside:
        np.savez_compressed(beside, **arrays)
