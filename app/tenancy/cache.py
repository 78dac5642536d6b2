"""The one cache of a process, sealed with the same keys as provider accounts."""

from __future__ import annotations

from functools import lru_cache

from app.core.cache.layers import Cache
from app.core.cache.remote import connect
from app.tenancy.providers import keyring
from config import get_settings


def shared_cache() -> Cache:
    return _cache(get_settings().redis_url)


@lru_cache(maxsize=1)
def _cache(redis_url: str) -> Cache:
    return Cache(connect(redis_url), keyring=keyring())
