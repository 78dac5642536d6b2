"""What libraries load only because they find it, for uses that we do not have: 30 MB of every process.

Socket.IO would load aiohttp and websocket for clients, structlog rich for coloured tracebacks, Flask-AppBuilder every
type of SQLAlchemy-Utils and with them four other databases, limits a second set of storages for asyncio.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import cast

# They seem not to be installed.
UNUSED = ("aiohttp", "rich")
# Packages of which single modules are used, but nothing that their own __init__ would gather.
BARE = frozenset({"limits.aio", "redis.asyncio", "sqlalchemy_utils", "sqlalchemy_utils.types"})
# They run when somebody first takes something from them.
DELAYED = frozenset(
    {
        "PIL.Image",
        "PIL.ImageOps",
        "apispec.yaml_utils",
        "dateutil.parser",
        "jsonschema",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "sqlalchemy.dialects.postgresql.pg8000",
        "sqlalchemy.dialects.postgresql.psycopg2cffi",
        "websocket",
        "yaml",
    }
)
_modules = cast(dict[str, ModuleType | None], sys.modules)


class Finder:
    """Finds modules where they are anyway, and says when they run."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in BARE | DELAYED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = None if name in BARE else LazyLoader(spec.loader)
        return spec


def hide() -> None:
    """From now on, for what is not loaded already."""
    for name in UNUSED:
        _modules.setdefault(name, None)  # which stands for "not to be found"
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def reveal(name: str) -> None:
    """For whoever does need one that is hidden."""
    if name in _modules and _modules[name] is None:
        del _modules[name]
