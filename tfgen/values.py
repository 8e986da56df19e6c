"""Plain values: objects that are nothing but their constructor's arguments."""

import inspect

from tfgen.errors import UserError


def check_value(value, kind, name, example):
    """Raise `UserError` unless `value`, the argument `name`, is a `kind`, as the `example` is.

    So it does for a `Value` that could not be saved.
    """
    if not isinstance(value, kind):
        raise UserError(
            f"{name} must be of class {kind.__name__}, such as {example}, but is {value!r}."
        )
    if isinstance(value, Value):
        value.get_config()


class Value:
    """An object with attributes named as its constructor's arguments, as Keras can serialise it."""

    def get_config(self):
        """Return the constructor's arguments; raises `UserError` where one is no attribute."""
        config = {}
        for name in inspect.signature(type(self)).parameters:
            config[name] = getattr(self, name, self)
            if config[name] is self or inspect.ismethod(config[name]):
                raise UserError(
                    f"{type(self).__name__} could not be saved: its constructor takes {name}, but "
                    f"no attribute keeps that; set self.{name}, or override get_config where a "
                    "method has the name."
                )
        return config

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
