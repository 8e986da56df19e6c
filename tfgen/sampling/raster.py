"""The cached raster scan: pixel after pixel without running the network for each.

The work of drawing an image is about that of one parallel pass, if nothing is computed twice. So
a model says what it does at each of three places, and the scan keeps the loops:

    start       the state above the first row
    row         from the state, what the finished rows give to every pixel of the next, at once
    pixel       one pixel from that, from its left neighbour, and from its own channels so far
    finish_row  the state below the row, from what its pixels left

The convolution of a finished row is never repeated. Both loops live in one compiled function.
Inside it, maps of a row are [w, b, n]: a pixel's slice lies in one piece.
"""

import tensorflow as tf


def scan(
    model,
    uniforms,
    labels=None,
    *,
    temperature=1.0,
    given=None,
    known=None,
    features=None,
    with_parameters=False,
):
    """Draw images by the inverse CDF of each pixel, or follow given ones.

    Args:
        model: an `AutoregressiveModel`, which lists the steps that it offers.
        uniforms: float32 [b, h, w, c] in [0, 1).
        labels: int32 [b] of a conditional model.
        temperature: of each pixel's distribution; a float or a scalar tensor.
        given: int32 levels [b, h, w, c] that are kept where `known` [b, h, w] is true.
        features: what `model.network` finds for `given`. The first rows, as far as all images know
            them whole, then take their features from it, without a scan of their pixels.
        with_parameters: also return the likelihood's parameters that each pixel was drawn from,
            for which every pixel is scanned: leave out `features`.

    Returns int32 levels [b, h, w, c], and float32 parameters [b, h, w, p] if asked for.
    """
    height, width, channels = model.image_shape
    batch = uniforms.shape[0] or tf.shape(uniforms)[0]
    groups = model.groups
    # Rows and columns come first, so that a step takes a slice that lies in one piece.
    uniforms = tf.transpose(uniforms, [1, 2, 0, 3])
    first_unknown, stop = 0, height
    if known is not None:
        given, known = tf.transpose(given, [1, 2, 0, 3]), tf.transpose(known, [1, 2, 0])
        unknown_rows = tf.reduce_any(tf.logical_not(known), axis=[1, 2])
        indices = tf.range(height)
        # One row at least, even if all is known: no array can be stacked that nothing was put in.
        stop = tf.reduce_max(tf.where(unknown_rows, indices + 1, 1))
        first_unknown = tf.reduce_min(tf.where(unknown_rows, indices, height))
        if with_parameters:
            stop = height
    num_parameters = model.likelihood.num_parameters(channels)

    def array(size, dtype, shape):
        return tf.TensorArray(dtype, size, element_shape=[uniforms.shape[2], *shape])

    def draw_row(i, columns, left):
        row = _at(i, [uniforms] if known is None else [uniforms, given, known])

        def draw_pixel(j, left, found):
            levels_row, features_row, parameters_row = found
            seen = []
            own_uniforms, *own = _at(j, row)
            own_uniforms = tf.split(own_uniforms, groups, axis=-1)
            if own:
                own_given, is_known = tf.split(own[0], groups, axis=-1), own[1][:, None]

            def draw(parameters, group):
                seen.append(parameters)
                drawn = model.likelihood.quantile(parameters, own_uniforms[group], temperature)
                return tf.where(is_known, own_given[group], drawn) if own else drawn

            levels, left, features = model.pixel(_at(j, columns), left, draw)
            features_row = tf.nest.map_structure(
                lambda array, value: array.write(j, value), features_row, features
            )
            if with_parameters:
                parameters_row = parameters_row.write(j, tf.concat(seen, axis=-1))
            return j + 1, left, (levels_row.write(j, levels), features_row, parameters_row)

        arrays = (
            array(width, tf.int32, [channels]),
            tf.nest.map_structure(
                lambda size: array(width, tf.float32, [size]), model.feature_sizes()
            ),
            array(width, tf.float32, [num_parameters]),
        )
        _, _, (levels, features_row, parameters) = tf.while_loop(
            lambda j, *_: j < width,
            draw_pixel,
            (tf.constant(0), left, arrays),
            maximum_iterations=width,
        )
        features_row = tf.nest.map_structure(lambda array: array.stack(), features_row)
        return levels.stack(), features_row, parameters.stack() if with_parameters else 0.0

    def draw_or_fill_row(i, state, image, parameters):
        state, columns, left = model.row(state)
        if features is None:
            levels, found, parameters_row = draw_row(i, columns, left)
        else:
            levels, found, parameters_row = tf.cond(
                i < first_unknown,
                lambda: (*_at(i, [given, features]), 0.0),
                lambda: draw_row(i, columns, left),
            )
        state = model.finish_row(state, found, levels)
        if with_parameters:
            parameters = parameters.write(i, parameters_row)
        return i + 1, state, image.write(i, levels), parameters

    if features is not None:
        features = tf.nest.map_structure(lambda maps: tf.transpose(maps, [1, 2, 0, 3]), features)
    rows = tf.TensorArray(tf.int32, height, element_shape=[width, uniforms.shape[2], channels])
    parameters = tf.TensorArray(
        tf.float32, height, element_shape=[width, uniforms.shape[2], num_parameters]
    )
    _, _, rows, parameters = tf.while_loop(
        lambda i, *_: i < stop,
        draw_or_fill_row,
        (tf.constant(0), model.start(batch, labels), rows, parameters),
        maximum_iterations=height,
    )
    levels = rows.stack()
    if known is not None:
        levels = tf.where(known[..., None], given, levels)
    levels = tf.transpose(levels, [2, 0, 1, 3])
    if with_parameters:
        return levels, tf.transpose(parameters.stack(), [2, 0, 1, 3])
    return levels


def _at(index, maps):
    """Return the slices of a nest of maps at an index of their first axis.

    As maps[index], which makes six operations of it.
    """
    return tf.nest.map_structure(lambda each: tf.gather(each, index), maps)
