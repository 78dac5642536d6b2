"""The keys that seal provider accounts and cached health data."""

from __future__ import annotations

from functools import lru_cache

from app.core.crypto import Keyring
from config import get_settings


@lru_cache(maxsize=4)
def _parsed(keys: str) -> Keyring:
    return Keyring.parse(keys)


def keyring() -> Keyring:
    """The keys of this process. Raises BadKeyring."""
    return _parsed(get_settings().encryption_keys.get_secret_value())
