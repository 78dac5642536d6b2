"""Identifiers: UUIDv7 text, time-ordered and not guessable."""

from __future__ import annotations

import uuid

import uuid_utils

ID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def new_id() -> str:
    return str(uuid_utils.uuid7())


def is_id(text: object) -> bool:
    """Whether the text is a well-formed UUID in its canonical form."""
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
