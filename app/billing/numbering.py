"""Document numbers: one gapless series per kind, clinic and fiscal year."""

from __future__ import annotations

from datetime import date


def fiscal_year(on: date, first_month: int) -> str:
    """'2026-27' for a year that starts in April, '2026' for the calendar year."""
    if first_month == 1:
        return str(on.year)
    start = on.year if on.month >= first_month else on.year - 1
    return f"{start}-{(start + 1) % 100:02d}"


def numbered(prefix: str, year: str, number: int) -> str:
    """'INV/2026-27/000123': at most 16 characters of prefix and year, as India's GST rule 46(b) allows with short prefixes."""
    return f"{prefix}/{year}/{number:06d}"
