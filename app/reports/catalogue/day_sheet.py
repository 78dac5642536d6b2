"""The day sheet: what happened on one day, on one page for whoever closes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select

from app.billing.models import CreditNote, Invoice
from app.core.money import Money
from app.core.tenant import db
from app.people.models import Patient
from app.reports.base import Column, Filters, Report, Section
from app.reports.catalogue.collections import Collections
from app.reports.catalogue.refunds import Refunds
from app.scheduling.models import Appointment
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope


class DaySheet(Report):
    """Visits, invoices, money and corrections of one day."""

    name = "day-sheet"
    title = _("Day sheet")
    lede = _("Everything of one day on one page.")
    one_day = True

    def sections(self, filters: Filters) -> list[Section]:
        (money,) = Collections().sections(replace(filters, group_by="method"))
        (refunds,) = Refunds().sections(filters)
        return [
            _visits(filters),
            replace(money, title=_("Money by tender")),
            _invoices(filters),
            _credit_notes(filters),
            replace(refunds, title=_("Refunds")),
        ]


def _visits(filters: Filters) -> Section:
    start, end = local_bounds(filters.first, filters.last)
    wanted = select(Appointment.status, func.count()).where(Appointment.starts_at >= start, Appointment.starts_at < end)
    if filters.location_id:
        wanted = wanted.where(Appointment.location_id == filters.location_id)
    found = db.session.execute(wanted.group_by(Appointment.status).order_by(func.count().desc())).all()
    rows = [{"status": status, "count": count} for status, count in found]
    columns = (Column("status", _("Status"), "status"), Column("count", _("Visits"), "number"))
    return Section(_("Visits"), columns, rows, {"status": gettext("Total"), "count": sum(row[1] for row in found)})


def _invoices(filters: Filters) -> Section:
    start, end = local_bounds(filters.first, filters.last)
    wanted = (
        select(Invoice, Patient.first_name, Patient.last_name)
        .join(Patient, Patient.id == Invoice.patient_id)
        .where(Invoice.opened_at >= start, Invoice.opened_at < end)
        .order_by(Invoice.number)
    )
    if filters.location_id:
        wanted = wanted.where(Invoice.location_id == filters.location_id)
    rows = [_document(row[0], row[1:], row[0].total, "InvoiceView.show") for row in db.session.execute(wanted)]
    return Section(_("Invoices"), _DOCUMENT, rows, _total(rows))


def _credit_notes(filters: Filters) -> Section:
    start, end = local_bounds(filters.first, filters.last)
    wanted = (
        select(CreditNote, Patient.first_name, Patient.last_name)
        .join(Patient, Patient.id == CreditNote.patient_id)
        .join(Invoice, Invoice.id == CreditNote.invoice_id)
        .where(CreditNote.issued_at >= start, CreditNote.issued_at < end)
        .order_by(CreditNote.number)
    )
    if filters.location_id:
        wanted = wanted.where(Invoice.location_id == filters.location_id)
    rows = [_document(row[0], row[1:], row[0].total, "CreditNoteView.show") for row in db.session.execute(wanted)]
    return Section(_("Credit notes"), _DOCUMENT, rows, _total(rows))


_DOCUMENT = (
    Column("number", _("Number")),
    Column("patient", _("Patient")),
    Column("status", _("Status"), "status"),
    Column("total", _("Total"), "money"),
)


def _document(row: Any, name: Any, total: Money, view: str) -> dict[str, Any]:
    return {
        "number": row.number,
        "patient": " ".join(part for part in name if part),
        "status": getattr(row, "status", ""),
        "total": total,
        "link": (view, row.id),
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    currency = settings_in_scope().currency
    amounts = [row["total"] for row in rows if row["total"].currency == currency]
    return {"number": gettext("Total"), "total": Money.total(amounts, currency)}
