"""Gradients written by hand, which exported graphs leave out."""

import contextlib
import contextvars
import functools

import tensorflow as tf

_left_out = contextvars.ContextVar("left_out", default=False)


def custom_gradient(function):
    """As `tf.custom_gradient`, but the value of `function` alone inside `left_out()`."""
    with_gradient = tf.custom_gradient(function)

    @functools.wraps(function)
    def called(*arguments):
        return function(*arguments)[0] if _left_out.get() else with_gradient(*arguments)

    return called


@contextlib.contextmanager
def left_out():
    """Trace without them, for graphs to save: these would name gradients that they lack."""
    token = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(token)
