"""Document numbers: one gapless series per kind, clinic and fiscal year."""

from __future__ import annotations

from datetime import date

from app.core import clock
from app.core.series import next_numbers
from app.tenancy.queries import settings_in_scope

INVOICES, CREDIT_NOTES, RECEIPTS = "invoice", "credit-note", "receipt"
LONGEST = 16  # India's CGST Rules 2017, rule 46(b): a consecutive serial number of at most sixteen characters
MOST_DIGITS, FEWEST_DIGITS = 6, 3


def next_document_number(series: str, prefix: str) -> str:
    """The next number of a series this fiscal year. Writers of a series wait for one another: take it late."""
    return next_document_numbers(series, prefix, 1)[0]


def next_document_numbers(series: str, prefix: str, count: int) -> list[str]:
    """As many numbers in a row, all of the fiscal year in which they are given out."""
    settings = settings_in_scope()
    year = fiscal_year(clock.today(settings.zone), settings.fiscal_year_starts_in)
    return [numbered(prefix, year, number) for number in next_numbers(series, year, count)]


def fiscal_year(on: date, first_month: int) -> str:
    """'26-27' for a year that starts in April, '2026' for the calendar year."""
    if first_month == 1:
        return str(on.year)
    start = on.year if on.month >= first_month else on.year - 1
    return f"{start % 100:02d}-{(start + 1) % 100:02d}"


def numbered(prefix: str, year: str, number: int) -> str:
    """'INV/26-27/000123'. A longer prefix leaves fewer leading zeros, so that sixteen characters last longest."""
    room = LONGEST - len(prefix) - len(year) - 2
    digits = min(max(room, FEWEST_DIGITS), MOST_DIGITS)
    return f"{prefix}/{year}/{number:0{digits}d}"
