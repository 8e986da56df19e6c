"""The models, one paper per file; importing this package registers them all with Keras."""

import importlib
import pkgutil

from tfgen.models.base import REGISTRY

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

globals().update(REGISTRY)
__all__ = sorted(REGISTRY)
