"""tfgen: generative image models for Keras and TensorFlow, trained, measured and ready to load.

Importing this package imports neither Keras nor TensorFlow, so that `tfgen list` answers at once.
Once Keras is imported, before or after this package, every model, layer and likelihood of tfgen
is registered with it, so that `keras.models.load_model` finds them.
"""

import importlib

import wrapt

__version__ = "0.1.0"

_PUBLIC = {
    "UserError": "tfgen.errors",
    "list_entries": "tfgen.zoo",
    "find": "tfgen.zoo",
    "load": "tfgen.zoo",
    "models": None,
    "likelihoods": None,
    "data": None,
    "images": None,
}
__all__ = ["__version__", *_PUBLIC]


@wrapt.when_imported("keras")
def _register_classes(_keras):
    importlib.import_module("tfgen.models")


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tfgen' has no attribute {name!r}")
    home = _PUBLIC[name]
    if home is None:
        return importlib.import_module(f"tfgen.{name}")
    return getattr(importlib.import_module(home), name)
