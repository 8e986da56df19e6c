"""What XLA compiles."""

import os

import tensorflow as tf


def allowed():
    """Tell whether XLA may compile: not where the environment says TFGEN_XLA=0.

    Models ask when they are built, and for their training when that is compiled.
    """
    return os.environ.get("TFGEN_XLA") != "0"


def under_xla(function, wanted=True):
    """Return `function` as a graph, which XLA compiles if that is wanted and allowed.

    It pays where small operations run in long loops, after some seconds of compilation.
    """
    return tf.function(function, jit_compile=wanted and allowed(), autograph=False)
