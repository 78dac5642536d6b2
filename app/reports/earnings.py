"""Revenue: what invoices earned without tax, credit notes and voids taken off, day by day as the journal booked it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Integer, case, cast, func, or_, select
from sqlalchemy.orm import aliased

from app.billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from app.billing.services.credit_notes import CREDITED
from app.billing.services.invoices import ISSUED
from app.ledger.models import JournalEntry
from app.reports.models import RevenueDay
from app.reports.rollups import Rollup, first_of, sums_between

GRAIN = ("booked_on", "currency", "service_id", "doctor_id", "location_id")
SUMS = ("net_minor", "tax_minor", "invoice_count")

_ORIGINAL = aliased(JournalEntry)
# A void books the opposite of what the invoice booked, on its own day.
_SIGN = case((JournalEntry.reverses_id.is_(None), 1), else_=-1)
_ABOUT = first_of(_ORIGINAL.source_id, JournalEntry.source_id)


def earnings(first: date, last: date) -> Any:
    """A subquery of revenue by GRAIN over some days, both included."""
    return sums_between(EARNINGS, first, last)


def _of_journal(days: list[date]) -> Any:
    issued = _booked(ISSUED, days).join(Invoice, Invoice.id == _ABOUT)
    lines = issued.join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
    first_line = case((InvoiceLine.position == 1, _SIGN), else_=0)
    earned = lines.add_columns(
        func.sum(_SIGN * (InvoiceLine.net_minor - InvoiceLine.share_minor)).label("net_minor"),
        func.sum(_SIGN * InvoiceLine.tax_minor).label("tax_minor"),
        cast(func.sum(first_line), Integer).label("invoice_count"),
    ).group_by(*_grain())
    credited = _booked(CREDITED, days).join(CreditNote, CreditNote.id == _ABOUT)
    taken_off = credited.join(CreditNoteLine, CreditNoteLine.credit_note_id == CreditNote.id)
    of_lines = taken_off.join(InvoiceLine, InvoiceLine.id == CreditNoteLine.invoice_line_id)
    lost = (
        of_lines.join(Invoice, Invoice.id == CreditNote.invoice_id)
        .add_columns(
            func.sum(-_SIGN * CreditNoteLine.net_minor),
            func.sum(-_SIGN * CreditNoteLine.tax_minor),
            cast(0, Integer),
        )
        .group_by(*_grain())
    )
    return earned.union_all(lost)


def _grain() -> tuple[Any, ...]:
    return (
        JournalEntry.booked_on,
        Invoice.currency,
        InvoiceLine.service_id,
        Invoice.doctor_id,
        Invoice.location_id,
    )


def _booked(kind: str, days: list[date]) -> Any:
    return (
        select(*(column.label(name) for name, column in zip(GRAIN, _grain(), strict=True)))
        .select_from(JournalEntry)
        .outerjoin(_ORIGINAL, _ORIGINAL.id == JournalEntry.reverses_id)
        .where(JournalEntry.booked_on.in_(days), or_(JournalEntry.kind == kind, _ORIGINAL.kind == kind))
    )


EARNINGS = Rollup(RevenueDay, (*GRAIN, *SUMS), _of_journal)
