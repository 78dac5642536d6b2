"""Receivables by age: who owes what, and for how long it has been due. The sum is the ledger's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Integer, case, func, select

from app.billing.models import OWED, Invoice
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.people.models import Patient
from app.reports.base import Column, Filters, Report, Section
from app.reports.catalogue.transactions import MOST_ROWS
from app.tenancy.queries import settings_in_scope

# The last day of lateness of each bucket; None is everything older.
BUCKETS: Mapping[str, int | None] = {"current": 0, "to_30": 30, "to_60": 60, "to_90": 90, "older": None}
LABELS = {
    "current": _("Not yet due"),
    "to_30": _("1–30 days"),
    "to_60": _("31–60 days"),
    "to_90": _("61–90 days"),
    "older": _("Over 90 days"),
}


class Receivables(Report):
    """Open invoices by patient and age."""

    name = "receivables"
    title = _("Receivables by age")
    lede = _("What patients owe today, by how long it has been due.")
    dated = False
    columns = (
        Column("patient", _("Patient")),
        Column("mrn", _("MRN")),
        Column("count", _("Invoices"), "number"),
        *(Column(name, label, "money") for name, label in LABELS.items()),
        Column("total", _("Total"), "money"),
    )

    def sections(self, filters: Filters) -> list[Section]:
        rows = [_shown(row) for row in db.session.execute(_wanted(filters))]
        return [Section("", self.columns, rows, _totals(rows))]

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        totals = sections[0].totals
        return {
            "type": "bar",
            "labels": [str(label) for label in LABELS.values()],
            "series": [{"name": gettext("Owed"), "data": [float(totals[name].major) for name in BUCKETS]}],
            "format": {"currency": settings_in_scope().currency},
        }


def owed_by_age() -> list[tuple[Any, Money]]:
    """(age in words, what is owed), from not yet due to the oldest."""
    currency = settings_in_scope().currency
    row = db.session.execute(_owed(select(*_sums()))).one()
    return [(LABELS[name], Money(int(getattr(row, name)), currency)) for name in BUCKETS]


def _wanted(filters: Filters) -> Any:
    person = (Patient.id, Patient.first_name, Patient.last_name, Patient.mrn)
    wanted = (
        _owed(select(*person, func.count().label("invoices"), *_sums()))
        .join(Patient, Patient.id == Invoice.patient_id)
        .group_by(*person)
        .order_by(func.sum(_DUE).desc(), Patient.id)
        .limit(MOST_ROWS)
    )
    if filters.location_id:
        wanted = wanted.where(Invoice.location_id == filters.location_id)
    return wanted.where(Invoice.doctor_id == filters.doctor_id) if filters.doctor_id else wanted


_DUE = Invoice.total_minor - Invoice.paid_minor - Invoice.credited_minor


def _owed(wanted: Any) -> Any:
    return wanted.where(Invoice.status.in_(OWED), Invoice.currency == settings_in_scope().currency)


def _sums() -> list[Any]:
    late = func.coalesce(clock.today(settings_in_scope().zone) - Invoice.due_on, 0).cast(Integer)
    return [func.coalesce(func.sum(_DUE).filter(bucket), 0).label(name) for name, bucket in _buckets(late).items()]


def _buckets(late: Any) -> dict[str, Any]:
    """The bucket's number falls out of one CASE, so that no day lies in two or in none."""
    ends = [(late <= end, number) for number, end in enumerate(BUCKETS.values()) if end is not None]
    number = case(*ends, else_=len(ends))
    return {name: number == at for at, name in enumerate(BUCKETS)}


def _shown(row: Any) -> dict[str, Any]:
    currency = settings_in_scope().currency
    sums = {name: Money(int(getattr(row, name)), currency) for name in BUCKETS}
    return {
        "patient": f"{row.first_name} {row.last_name}".strip(),
        "mrn": row.mrn,
        "count": row.invoices,
        **sums,
        "total": Money.total(sums.values(), currency),
        "link": ("PatientView.show", row.id),
    }


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    currency = settings_in_scope().currency
    sums = {name: Money.total((row[name] for row in rows), currency) for name in (*BUCKETS, "total")}
    return {"patient": gettext("Total"), "count": sum(row["count"] for row in rows), **sums}
