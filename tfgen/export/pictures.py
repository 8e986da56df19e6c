"""Grids of images as PNG files."""

import math

import numpy as np
from PIL import Image, ImageFilter

from tfgen.export.atomic import written_beside

GAP = 2
WIDTH = 560  # pixels that a grid of small images is enlarged to, about
PANELS_WIDTH = 1840  # and a grid of panels, which are grids themselves
POINT = (1, 2, 1)  # an image of two grey pixels, which are the coordinates of a point


def save_grid(images, path, columns=None):
    """Write uint8 images [n, h, w, c] as one PNG; see `grid_of`."""
    with written_beside(path) as beside:
        as_pillow(grid_of(images, columns)).save(beside, "PNG")


def grid_of(images, columns=None, whole_width=WIDTH):
    """Lay images [n, h, w, c] out row by row in one image, enlarged by a whole factor.

    The whole is at most some `whole_width` pixels wide, unless a row is wider as it is.
    Images that are points are laid out in the plane; see `plane_of`.
    """
    n, height, width, channels = images.shape
    if images.shape[1:] == POINT:
        return plane_of(images)
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    scale = max(1, whole_width // (columns * (width + GAP)))
    cell_height, cell_width = height * scale + GAP, width * scale + GAP
    grid = np.full([rows * cell_height + GAP, columns * cell_width + GAP, channels], 128, np.uint8)
    for index, image in enumerate(images):
        top = (index // columns) * cell_height + GAP
        left = (index % columns) * cell_width + GAP
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        grid[top : top + height * scale, left : left + width * scale] = enlarged
    return grid


def panels_of(panels):
    """Lay panels uint8 [n, h, w, c], which are grids, out as `grid_of` does, with no blank slot.

    Of the numbers of columns that divide n, it is the one with which the whole is nearest to twice
    as wide as high; so panels of a single line of images stand below each other.
    """
    n, height, width, _ = panels.shape
    columns = min(
        (columns for columns in range(n, 0, -1) if n % columns == 0),
        key=lambda columns: abs(columns * width - 2 * (n // columns) * height),
    )
    return grid_of(panels, columns, PANELS_WIDTH)


def plane_of(points):
    """Return a picture uint8 [256, 256, 1] of images [n, 1, 2, 1]: dots at (x, y), y upwards."""
    plane = np.full([256, 256], 255, np.uint8)
    plane[255 - points[:, 0, 1, 0], points[:, 0, 0, 0]] = 0
    return np.asarray(Image.fromarray(plane).filter(ImageFilter.MinFilter(3)))[..., None]


def save_surprise(images, log_prob_maps, path, columns=8):
    """Write images and, below each line of them, how surprising each pixel was, as one PNG.

    Args:
        images: uint8 [n, h, w, c].
        log_prob_maps: float [n, h, w] in nats, as of `log_prob_map`; black is a certain pixel,
            white the least likely one of all.
    """
    surprise = -np.asarray(log_prob_maps)
    shades = np.round(255 * surprise / max(surprise.max(), 1e-6)).astype(np.uint8)
    shades = np.broadcast_to(shades[..., None], images.shape)
    cells, columns = in_lines([images, shades], columns)
    save_grid(cells, path, columns)


def in_lines(parts, columns=8):
    """Lay batches of images, each uint8 [n, h, w, c], out below each other, line by line.

    Returns (cells, columns) of a grid: a line of images of the first batch, below it the line of
    the second that belongs to it, and so on, then the next line of the first.
    """
    columns = min(columns, len(parts[0]))
    lines = []
    for start in range(0, len(parts[0]), columns):
        for part in parts:
            line = part[start : start + columns]
            missing = [(0, columns - len(line)), (0, 0), (0, 0), (0, 0)]
            lines.append(np.pad(line, missing, constant_values=128))
    return np.concatenate(lines), columns


def save_image(image, path):
    """Write one uint8 image [h, w, c] of one or three channels as PNG."""
    # Of many: to look for what was left of each would take longer than to write them.
    with written_beside(path, clear=False) as beside:
        as_pillow(image).save(beside, "PNG")


def as_pillow(image):
    """Return a uint8 image [h, w, c] of one or three channels as Pillow's."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
