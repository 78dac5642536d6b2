"""Libraries that others load only because they find them, for uses that we do not have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def without(*names: str) -> Iterator[None]:
    """While the block imports, these optional modules seem not to be installed. Who wants them later gets them."""
    hidden = [name for name in names if name not in sys.modules]
    modules = cast(dict[str, ModuleType | None], sys.modules)
    modules.update(dict.fromkeys(hidden))  # None stands for "not to be found"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
