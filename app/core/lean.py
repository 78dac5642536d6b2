"""Libraries that others load only because they find them, for uses that we do not have: 15 MB of every process.

Socket.IO would load aiohttp for a client of asyncio, structlog rich for coloured tracebacks.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

UNUSED = ("aiohttp", "rich")
_modules = cast(dict[str, ModuleType | None], sys.modules)


def hide() -> None:
    """From now on they seem not to be installed, unless they are loaded already."""
    for name in UNUSED:
        _modules.setdefault(name, None)  # which stands for "not to be found"


def reveal(name: str) -> None:
    """For whoever does need one."""
    if name in _modules and _modules[name] is None:
        del _modules[name]
