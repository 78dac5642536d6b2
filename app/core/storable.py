"""Text that everything can hold: PostgreSQL stores no NUL, UTF-8 carries no lone surrogates."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str, longest: int) -> str:
    """What can be kept of a text that others wrote, cut to its place."""
    return UNSTORABLE.sub("", text)[:longest]
