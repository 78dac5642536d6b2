"""The only source of the time; tests move it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_offset = timedelta(0)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC) + _offset


def today(zone: str) -> date:
    """The calendar date in a clinic's zone."""
    return now().astimezone(ZoneInfo(zone)).date()


@cache
def zones() -> frozenset[str]:
    """The names of all time zones. Kept: Python opens each of the machine's zone files to find them."""
    return frozenset(available_timezones())


@contextmanager
def travel(by: timedelta | None = None, *, to: datetime | None = None) -> Iterator[None]:
    """Move the clock of this process; for tests and demonstrations of due dates."""
    global _offset
    before = _offset
    _offset = (to - datetime.now(UTC)) if to is not None else before + (by or timedelta(0))
    try:
        yield
    finally:
        _offset = before
