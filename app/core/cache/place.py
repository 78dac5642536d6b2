"""Where a value lives: its key and the tags whose change makes it worthless."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.core.cache.regions import Region

EVERYTHING = "global:tag:everything"


@dataclass(frozen=True)
class Place:
    """The clinic comes first in every key. Each entry also hangs on its region, its own name, and everything."""

    region: Region
    clinic_id: str
    key: str
    tag_keys: tuple[str, ...]


@lru_cache(maxsize=4096)
def place_of(region: Region, clinic_id: str, name: str, tags: tuple[str, ...]) -> Place:
    if not clinic_id or ":" in clinic_id:
        raise ValueError("a cache key starts with the id of a clinic")
    own = (region.name, f"{region.name}:{name}")
    tag_keys = (EVERYTHING, *sorted({tag_key(clinic_id, tag) for tag in (*own, *tags)}))
    return Place(region, clinic_id, f"{clinic_id}:{region.name}:{name}", tag_keys)


def tag_key(clinic_id: str, tag: str) -> str:
    return f"{clinic_id}:tag:{tag}"
