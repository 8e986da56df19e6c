"""Latent codes as the files of TensorBoard's projector: `tensorboard --logdir FOLDER` shows them.

tensors.tsv            a code a line
metadata.tsv           what an image is: its index, and its class where the data has classes
sprite.png             the images, row by row in a square
projector_config.pbtxt
"""

import math

import numpy as np
from tensorboard.plugins import projector

from tfgen.errors import UserError
from tfgen.export import pictures
from tfgen.export.atomic import written_beside

MAX_SPRITE = 8192  # pixels a side, TensorBoard's limit


def write(folder, latents, images, classes=None, class_names=()):
    """Write the files of the projector.

    Args:
        folder: appears whole, or not at all; one that exists is replaced.
        latents: float [n, latent_dim].
        images: uint8 [n, h, w, c] of one or three channels.
        classes: int [n], or None for images without classes.
        class_names: what each class is called.

    Raises `UserError` for more images than the sprite can hold.
    """
    sprite = sprite_of(images)
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "latents"
    embedding.tensor_path = "tensors.tsv"
    embedding.metadata_path = "metadata.tsv"
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([images.shape[2], images.shape[1]])
    with written_beside(folder) as beside:
        beside.mkdir()
        np.savetxt(beside / "tensors.tsv", latents, fmt="%.9g", delimiter="\t")
        metadata = _metadata(len(images), classes, class_names)
        (beside / "metadata.tsv").write_text(metadata, encoding="utf-8")
        pictures.save_image(sprite, beside / "sprite.png")
        projector.visualize_embeddings(str(beside), config)


def sprite_of(images):
    """Return images [n, h, w, c] row by row in one image, as many a row as there are rows."""
    n, height, width, channels = images.shape
    side = math.ceil(math.sqrt(n))
    most = MAX_SPRITE // max(height, width)
    if side > most:
        raise UserError(
            f"{n} images of {width}x{height} are more than the projector's sprite of "
            f"{MAX_SPRITE}x{MAX_SPRITE} pixels can hold; take at most {most**2}."
        )
    padded = np.zeros([side * side, height, width, channels], np.uint8)
    padded[:n] = images
    rows = padded.reshape(side, side, height, width, channels).swapaxes(1, 2)
    return rows.reshape(side * height, side * width, channels)


def _metadata(n, classes, class_names):
    """Return the metadata; a single column must have no heading, two must."""
    if classes is None:
        return "".join(f"{index}\n" for index in range(n))
    names = [" ".join(name.split()) for name in class_names]  # a folder's may hold a tab
    lines = [f"{index}\t{names[label]}\n" for index, label in enumerate(classes)]
    return "".join(["index\tclass\n", *lines])
