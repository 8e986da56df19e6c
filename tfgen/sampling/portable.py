"""Compiled code in a SavedModel that runs on any server.

A sampler's loops are several times faster under XLA, which asks two things of an exported graph.
XLA compiles anew for each batch size, in seconds: so batches are padded to one of a few sizes, and
those beyond the largest run in parts, side by side. And TF Serving refuses to compile unless it was
started with --xla_cpu_compilation_enabled: so the graph asks first, and does without where it must.
"""

import tensorflow as tf

BATCH_SIZES = (1, 8)  # what XLA compiles for; beyond 8, each row of a scan adds its full time


def portable(function, signature):
    """Return `function` for exported graphs, compiled where XLA may compile.

    All graphs that call it share its code.

    Args:
        function: a function, with nothing compiled inside, from tensors with a leading batch
            dimension to one such tensor, each row of which depends on the same row of them alone.
        signature: the `tf.TensorSpec`s of its arguments.
    """
    # Two traces: a function that both branches called would lose, in a session, the loops that XLA
    # can compile.
    plain, compiled = (
        tf.function(function, input_signature=signature, jit_compile=xla, autograph=False)
        for xla in (None, True)
    )

    def called(*rows):
        output = tf.TensorSpec.from_tensor(plain.get_concrete_function().structured_outputs)
        return tf.cond(
            _may_compile(),
            lambda: _in_parts(lambda part: compiled(*part), rows, output),
            lambda: plain(*rows),
        )

    return called


def _in_parts(function, rows, output):
    """Return function(rows), given to it as batches of BATCH_SIZES only."""
    number, sizes = tf.shape(rows[0])[0], tf.constant(BATCH_SIZES)
    size = tf.reduce_min(tf.where(sizes >= number, sizes, BATCH_SIZES[-1]))
    parts = tf.maximum((number + size - 1) // size, 1)

    def split(x):
        padding = [[0, parts * size - number], *[[0, 0]] * (len(x.shape) - 1)]
        # Images that only fill a part up are known whole, so that no pixel is drawn for them alone.
        x = tf.pad(x, padding, constant_values=x.dtype == tf.bool)
        return tf.reshape(x, [parts, size, *x.shape[1:]])

    done = tf.map_fn(function, tuple(map(split, rows)), fn_output_signature=output)
    return tf.reshape(done, [parts * size, *output.shape[1:]])[:number]


def _may_compile():
    """Return a bool tensor that tells, when the graph runs, whether XLA compiles.

    A graph cannot catch an error, but a dataset can leave out the elements that fail.
    """
    yes, no = (tf.data.Dataset.from_tensors(value) for value in (True, False))
    asked = yes.map(tf.function(tf.identity, jit_compile=True)).ignore_errors()
    options = tf.data.Options()  # without these, asking takes milliseconds
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return asked.concatenate(no).take(1).with_options(options).get_single_element()
