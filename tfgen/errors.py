"""The one exception for a user's mistake: the command line shows its sentence and no traceback."""

import numbers


class UserError(ValueError):
    """What the user did wrong and what to do about it, in one sentence."""


def check_instance(value, kind, name, example):
    """Raise `UserError` unless `value`, the argument `name`, is a `kind`, as the `example` is."""
    if not isinstance(value, kind):
        raise UserError(
            f"{name} must be of class {kind.__name__}, such as {example}, but is {value!r}."
        )


def check_counts(*, minimum=1, **counts):
    """Raise `UserError` unless each of the arguments is an integer of at least `minimum`."""
    for name, value in counts.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < minimum:
            raise UserError(f"{name} must be an integer of at least {minimum}, but is {value!r}.")
