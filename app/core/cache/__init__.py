"""Reads that cost nothing twice: in-process over Redis over the database (SPEC OPS-2)."""

from __future__ import annotations

from app.core.cache.layers import Cache
from app.core.cache.regions import Region
from app.core.cache.remote import connect

__all__ = ["Cache", "Region", "connect"]
