"""The one exception for a user's mistake: the command line shows its sentence and no traceback."""

import numbers


class UserError(ValueError):
    """What the user did wrong and what to do about it, in one sentence."""


def check_count(name, value):
    """Raise `UserError` unless the argument `name` is an integer of at least 1."""
    if not isinstance(value, numbers.Integral) or value < 1:
        raise UserError(f"{name} must be an integer of at least 1, but is {value}.")
