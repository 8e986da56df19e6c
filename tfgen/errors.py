"""The one exception for a user's mistake: the command line shows its sentence and no traceback."""


class UserError(ValueError):
    """What the user did wrong and what to do about it, in one sentence."""
