"""The one search box: patients by name, phone, MRN or birth date; invoices by their number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask_babel import format_date
from sqlalchemy import select

from app.billing.models import Invoice
from app.billing.numbering import fiscal_year, numbered
from app.billing.queries import visible_invoices
from app.core import clock
from app.core.formatting import money, phone
from app.core.principal import may
from app.core.tenant import db
from app.core.vocabulary import label_of
from app.people.queries import patient_page
from app.tenancy.queries import settings_in_scope

MOST_PATIENTS = 8
SHORTEST = 2
FULL_NUMBER = re.compile(r"[A-Z0-9]{1,6}/[0-9-]{4,8}/\d{1,9}")
SHORT_NUMBER = re.compile(r"([A-Z0-9]{1,6}?)[ /-]?(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of the list under the search box."""

    kind: str
    id: str
    title: str
    subtitle: str


def found_by(text: str) -> list[Found]:
    """What the principal may read and the text may mean, the likeliest first."""
    text = text.strip()
    if len(text) < SHORTEST:
        return []
    found = _invoices(text) if may("invoice", "read") else []
    if may("patient", "read"):
        found += [_patient(row) for row in patient_page(text, MOST_PATIENTS, None)[0]]
    return found


def _patient(row: Any) -> Found:
    born = format_date(row.date_of_birth, "d MMM yyyy") if row.date_of_birth else None
    name = f"{row.first_name} {row.last_name}".strip()
    return Found(
        "patient",
        row.id,
        name,
        " · ".join(part for part in (row.mrn, phone(row.phone) if row.phone else "", born) if part),
    )


def _invoices(text: str) -> list[Found]:
    numbers = _invoice_numbers(text.upper())
    if not numbers:
        return []
    wanted = (
        select(Invoice.id, Invoice.number, Invoice.status, Invoice.total_minor, Invoice.currency)
        .where(Invoice.number.in_(numbers))
        .order_by(Invoice.number)
    )
    rows = db.session.execute(visible_invoices(wanted))
    return [
        Found("invoice", row.id, row.number, f"{money(row.total_minor, row.currency)} · {label_of(row.status)}")
        for row in rows
    ]


def _invoice_numbers(text: str) -> list[str]:
    """'INV/2026-27/000123' itself; 'INV 123' and 'INV123' in this fiscal year and the one before."""
    if FULL_NUMBER.fullmatch(text):
        return [text]
    settings = settings_in_scope()
    short = SHORT_NUMBER.fullmatch(text)
    if short is None or short[1] != settings.invoice_prefix:
        return []
    today = clock.today(settings.zone)
    days = (today, today.replace(year=today.year - 1, day=1))
    years = (fiscal_year(day, settings.fiscal_year_starts_in) for day in days)
    return [numbered(settings.invoice_prefix, year, int(short[2])) for year in years]
