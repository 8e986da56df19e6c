"""The cached raster scan: pixel after pixel without running the network for each.

The work of drawing an image is about that of one parallel pass, if nothing is computed twice. So
a model gives what is known when, and the scan keeps the loops:

    start       caches above the first row
    begin_row   from the finished rows, what they give to every pixel of the next, at once
    pixel       one pixel from that, from its left neighbour, and from its own channels so far
    end_row     caches for the next row, from what the pixels left

The convolution of a finished row is never repeated. Both loops live in one compiled function.
"""

import tensorflow as tf


def scan(model, uniforms, labels=None, given=None, known=None, with_parameters=False):
    """Draw images by the inverse CDF of each pixel, or follow given ones.

    Args:
        model: offers `start(batch, labels)`, `begin_row(rows)`, `begin_pixels(rows)`,
            `pixel(column, left, draw)`, `end_row(rows, features)`, and `feature_sizes()`; see
            `AutoregressiveModel`.
        uniforms: float32 [b, h, w, c] in [0, 1).
        labels: int32 [b] of a conditional model.
        given: int32 levels [b, h, w, c] that are kept where `known` [b, h, w] is true.
        with_parameters: also return the likelihood's parameters that each pixel was drawn from.

    Returns int32 levels [b, h, w, c], and float32 parameters [b, h, w, p] if asked for.
    """
    height, width, channels = model.image_shape
    batch = tf.shape(uniforms)[0]
    # Rows and columns come first, so that a step takes a slice that lies in one piece.
    uniforms = tf.transpose(uniforms, [1, 2, 0, 3])
    if known is not None:
        given = tf.transpose(given, [1, 2, 0, 3])
        known = tf.transpose(known, [1, 2, 0])
    num_parameters = model.likelihood.num_parameters(channels)

    def array(size, dtype, *shape):
        return tf.TensorArray(dtype, size, element_shape=[uniforms.shape[2], *shape])

    def row_step(i, rows, image, parameters):
        columns = model.begin_row(rows)
        features = tf.nest.map_structure(
            lambda size: array(width, tf.float32, size), model.feature_sizes()
        )

        def pixel_step(j, left, features, drawn_row, parameter_row):
            seen = []

            def draw(group_parameters, group):
                seen.append(group_parameters)
                own = uniforms[i, j] if model.groups == 1 else uniforms[i, j][:, group, None]
                drawn = model.likelihood.quantile(group_parameters, own)
                if known is None:
                    return drawn
                kept = given[i, j] if model.groups == 1 else given[i, j][:, group, None]
                return tf.where(known[i, j][:, None], kept, drawn)

            column = tf.nest.map_structure(lambda maps: maps[j], columns)
            levels, left, found = model.pixel(column, left, draw)
            features = tf.nest.map_structure(
                lambda array, value: array.write(j, value), features, found
            )
            if with_parameters:
                parameter_row = parameter_row.write(j, tf.concat(seen, axis=-1))
            return j + 1, left, features, drawn_row.write(j, levels), parameter_row

        _, _, features, drawn_row, parameter_row = tf.while_loop(
            lambda j, *_: j < width,
            pixel_step,
            (
                tf.constant(0),
                model.begin_pixels(rows),
                features,
                array(width, tf.int32, channels),
                array(width, tf.float32, num_parameters),
            ),
            maximum_iterations=width,
        )
        drawn_row = drawn_row.stack()
        found = tf.nest.map_structure(lambda array: array.stack(), features)
        rows = model.end_row(rows, found, drawn_row)
        if with_parameters:
            parameters = parameters.write(i, parameter_row.stack())
        return i + 1, rows, image.write(i, drawn_row), parameters

    images = tf.TensorArray(tf.int32, height, element_shape=[width, uniforms.shape[2], channels])
    parameters = tf.TensorArray(
        tf.float32, height, element_shape=[width, uniforms.shape[2], num_parameters]
    )
    _, _, images, parameters = tf.while_loop(
        lambda i, *_: i < height,
        row_step,
        (tf.constant(0), model.start(batch, labels), images, parameters),
        maximum_iterations=height,
    )
    levels = tf.transpose(images.stack(), [2, 0, 1, 3])
    if with_parameters:
        return levels, tf.transpose(parameters.stack(), [2, 0, 1, 3])
    return levels
