"""An entry's files: what training a recipe leaves.

model.keras            the compiled Keras model, for keras.models.load_model after `import tfgen`
generator.keras or decoder.keras    latents to pixels in 0..255, loads with Keras alone
saved_model/1/         for TF Serving
samples.png            some 64 samples, seeds from 0 on; one class a column
training.png           samples of the same seeds at some eight moments of the training
entry.json             figures, settings, versions, and the SHA-256 of the other files
README.md              the card, written from entry.json
"""

import contextlib
import importlib.metadata
import io
import json
import pathlib
import platform
import zipfile

import h5py
import keras
import numpy as np

import tfgen
from tfgen import manifest
from tfgen.export import card, pictures, saved_model
from tfgen.export.atomic import written_beside
from tfgen.names import as_folder
from tfgen.recipes.base import FINE_TUNING

SAMPLES = 64
POINTS = 2_500
NEWER_SETTINGS = ("quantization_config", "input_axes", "output_axes")
VERSIONED = ("tensorflow", "keras", "tensorflow-probability", "numpy")


def write(model, out, record):
    """Write the entry of a trained `model` into the folder `out`; return it.

    Args:
        record: name, summary, dataset, levels, class_names, recipe, training, metrics.

    entry.json comes last: where it stands, the entry is whole.
    """
    out = pathlib.Path(out)
    (out / "entry.json").unlink(missing_ok=True)
    # Fresh optimizers without slots: small files, and `fit` starts at the rate of fine-tuning, with
    # the recipe's betas, since games that need a beta_1 of 0 or .5 fall apart at Keras's .9.
    # They count their steps anew, at which no warm-up must start again.
    model.end_warmup()
    settings = {name: record["recipe"][name] for name in ("beta_1", "beta_2")}
    settings["learning_rate"] = record["recipe"]["learning_rate"] * FINE_TUNING
    model.compile(**{name: keras.optimizers.Adam(**settings) for name in model.optimizer_names})
    with written_beside(out / "model.keras") as beside:
        model.save(beside)
        repack(beside)
    files = ["model.keras", "samples.png"]
    if (out / "training.png").exists():
        files.append("training.png")
    for name, network in model.plain_networks().items():
        files.append(f"{name}.keras")
        with written_beside(out / files[-1]) as beside:
            network.save(beside)
            repack(beside)
    folder = out / "saved_model" / "1"
    with written_beside(folder) as beside:
        saved_model.save(model, beside)
    pictures.save_image(pictures.grid_of(*sample_grid(model)), out / "samples.png")
    files += [str(p.relative_to(out)) for p in sorted(folder.rglob("*")) if p.is_file()]
    info = {
        **record,  # its order stays: the first of the metrics stands for the entry in lists
        "model": type(model).__name__,
        "family": model.family,
        "image_shape": list(model.image_shape),
        "num_classes": model.num_classes,
        "parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        "versions": _versions(),
        "files": {name: manifest.checksum(out / name) for name in files},
    }
    with written_beside(out / "README.md") as beside:
        beside.write_text(card.card(info, as_folder(out)), encoding="utf-8")
    with written_beside(out / "entry.json") as beside:
        beside.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
    return out


def sample_grid(model, n=SAMPLES):
    """Return the samples of an entry's picture and the number of its columns.

    There are `n`, and more if they are points; of a conditional model one class is a column, if
    there are not too many.
    """
    classes = model.num_classes
    if model.image_shape == pictures.POINT:
        n = POINTS
    elif 0 < classes <= n:
        n -= n % classes
    labels = np.arange(n) % classes if classes else None
    return model.sample(n, seed=0, labels=labels), classes if 0 < classes <= n else None


def repack(path):
    """Deflate a .keras file, which makes it an eighth smaller, as Keras does not do.

    Unset settings that Keras 3.12 does not know, and refuses, are left out.
    """
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(
        parts["config.json"],
        object_hook=lambda entry: {
            key: value
            for key, value in entry.items()
            if key not in NEWER_SETTINGS or value is not None
        },
    )
    parts["config.json"] = json.dumps(config).encode()
    parts["model.weights.h5"] = _shuffled(parts["model.weights.h5"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _shuffled(weights):
    """Return the bytes of an HDF5 file with large arrays deflated, first bytes of numbers first.

    The exponents of floats have much in common, which so comes together; readers do not notice.
    """
    packed = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(packed, "w") as target:

        def copy(name, part):
            if isinstance(part, h5py.Dataset):
                filters = {"compression": "gzip", "shuffle": True} if part.size >= 1000 else {}
                copied = target.create_dataset(name, data=part[()], **filters)
            else:
                copied = target.create_group(name)
            copied.attrs.update(part.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return packed.getvalue()


def _versions():
    versions = {"tfgen": tfgen.__version__, "python": platform.python_version()}
    for package in VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
