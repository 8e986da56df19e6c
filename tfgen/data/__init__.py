"""Where images come from, and how batches are made of them.

`load(name)` gives the embedded `digits`, any prepared or downloadable image data set of TFDS,
`stacked_mnist`, `ring_of_gaussians` and `grid_of_gaussians`, or a folder of images, each with fixed
train, validation and test splits.
"""

import pathlib

from tfgen.data.folder import open_folder
from tfgen.data.gaussians import GAUSSIANS, open_gaussians
from tfgen.data.image_data import BINARIZATION_SEED, ImageData
from tfgen.data.stacked_mnist import NAME as STACKED_MNIST
from tfgen.data.stacked_mnist import open_stacked_mnist
from tfgen.data.tfds_source import is_at_hand, open_tfds
from tfgen.names import looks_like_folder

__all__ = ["BINARIZATION_SEED", "GAUSSIANS", "STACKED_MNIST", "ImageData", "load"]


def load(name, *, data_dir=None, levels=256, limit=None):
    """Return the `ImageData` of a data set or of a folder of images.

    Args:
        name: `digits`, `stacked_mnist`, `ring_of_gaussians`, `grid_of_gaussians`, the name of a
            TFDS data set, or the path of a folder. A bare name is a folder's only if no data set
            that is made here or lies prepared in the data directory has it; `./NAME` always is.
        data_dir: TFDS's data directory; else the environment's TFDS_DATA_DIR, else TFDS's default.
        levels: of the model's grid. 256 keeps the pixels. 2 binarises: each pixel is white with
            probability pixel / 255, drawn anew in training, and once and for all in validation
            and test. Other numbers move each pixel to the nearest level.
        limit: take at most so many images of each split, the first ones.

    Raises `UserError` if there is no such data set or folder, or it holds no usable images.
    """
    if looks_like_folder(name) or (pathlib.Path(name).is_dir() and not is_at_hand(name, data_dir)):
        return ImageData(**open_folder(name, limit), levels=levels, limit=limit)
    if name == STACKED_MNIST:
        return ImageData(**open_stacked_mnist(data_dir, limit), levels=levels, limit=limit)
    if name in GAUSSIANS:
        return ImageData(**open_gaussians(name, limit), levels=levels, limit=limit)
    return ImageData(**open_tfds(name, data_dir, limit), levels=levels, limit=limit)
