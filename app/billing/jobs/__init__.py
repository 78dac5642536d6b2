"""Background work of billing, one file per kind. Every file here is imported, so that its jobs are known."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
