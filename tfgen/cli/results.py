"""Images that a command made, written to the path of --out."""


def write(out, cells, columns, arrays, files):
    """Write images as a .png, an .npz, or else a folder.

    Args:
        out: the path that `shared_flags.checked_out` returned.
        cells: uint8 [n, h, w, c], the cells of the picture, row by row.
        columns: of the picture; None: as many as rows.
        arrays: name -> array of the .npz.
        files: pairs of a name and an image [h, w, c], the PNG files of the folder.
    """
    import numpy as np

    from tfgen.export import pictures
    from tfgen.export.atomic import written_beside

    if out.suffix == ".png":
        pictures.save_grid(cells, out, columns)
        return
    with written_beside(out) as beside:
        if out.suffix == ".npz":
            np.savez_compressed(beside, **arrays)
            return
        beside.mkdir()
        for name, image in files:
            pictures.save_image(image, beside / f"{name}.png")
