"""What XLA compiles."""

import os

import tensorflow as tf


def under_xla(function, wanted=True):
    """Return `function` as a graph, which XLA compiles if that is wanted.

    That pays where small operations run in long loops, after some seconds of compilation. It does
    not where the environment says TFGEN_XLA=0 when the model is built.
    """
    xla = wanted and os.environ.get("TFGEN_XLA") != "0"
    return tf.function(function, jit_compile=xla, autograph=False)
