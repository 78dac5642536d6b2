"""Dates and moments as addresses and forms send them: those of our time alone.

At the ends of the calendar arithmetic with zones and days overflows.
"""

from __future__ import annotations

from datetime import date, datetime

FIRST_YEAR, LAST_YEAR = 1900, 2200


def is_of_our_time(value: date) -> bool:
    return FIRST_YEAR <= value.year <= LAST_YEAR


def read_day(text: str | None) -> date | None:
    """The date, like 2026-01-31; None where it is none of our time."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if is_of_our_time(day) else None


def read_moment(text: str | None) -> datetime | None:
    """The moment with its offset, like 2026-01-31T09:30:00+05:30; None where it is none of our time."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and is_of_our_time(moment) else None
