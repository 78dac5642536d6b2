"""Which migration is the newest, without loading Alembic, which a web process has no other use for (7 MB)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
_REVISION = re.compile(r'^(revision|down_revision) = "([^"]+)"$', re.MULTILINE)


@cache
def newest_revision() -> str:
    """The one revision that no other follows: the history is linear."""
    found = [match.groups() for path in VERSIONS.glob("*.py") for match in _REVISION.finditer(path.read_text())]
    followed = {name for kind, name in found if kind == "down_revision"}
    (newest,) = {name for kind, name in found if kind == "revision"} - followed
    return newest
