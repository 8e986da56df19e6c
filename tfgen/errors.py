"""The one exception for a user's mistake: the command line shows its sentence and no traceback."""

import math
import numbers

import numpy as np


class UserError(ValueError):
    """What the user did wrong and what to do about it, in one sentence."""


def check_counts(*, minimum=1, maximum=math.inf, **counts):
    """Raise `UserError` unless each of the arguments is an integer in minimum..maximum."""
    for name, value in counts.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or not minimum <= value <= maximum:
            bounds = f"of at least {minimum}" if maximum == math.inf else f"in {minimum}..{maximum}"
            raise UserError(f"{name} must be an integer {bounds}, but is {value!r}.")


def check_numbers(interval, **values):
    """Raise `UserError` unless each of the arguments is a number in the interval, as "[0, inf)"."""
    low, high = map(float, interval[1:-1].split(","))
    for name, value in values.items():
        if getattr(value, "ndim", None) == 0:  # an array or a tensor of one number
            value = np.asarray(value)[()]
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not (
            low < value < high
            or (value == low and "[" in interval)
            or (value == high and "]" in interval)
        ):
            raise UserError(f"{name} must be a number in {interval}, but is {value!r}.")
