"""Plain values: objects that are nothing but their constructor's arguments."""

import inspect

from tfgen.errors import UserError


class Value:
    """An object with attributes named as its constructor's arguments, as Keras can serialise it."""

    def get_config(self):
        """Return the constructor's arguments; raises `UserError` where one is no attribute."""
        names = inspect.signature(type(self)).parameters
        missing = [name for name in names if not hasattr(self, name)]
        if missing:
            raise UserError(
                f"{type(self).__name__} could not be saved: its constructor takes {missing[0]}, "
                f"but it has no attribute of that name; set self.{missing[0]}."
            )
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash((type(self), *self.get_config().items()))

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
