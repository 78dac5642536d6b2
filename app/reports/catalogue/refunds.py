"""Refunds that were asked for in a span: what they were for, who decided, what became of them."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from app.access.models import User
from app.billing.models import Invoice
from app.core.money import Money
from app.core.tenant import db
from app.payments.models import Payment, Refund
from app.people.models import Patient
from app.reports.base import Column, Filters, Report, Section
from app.reports.catalogue.transactions import MOST_ROWS
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope


class Refunds(Report):
    """Money that goes back."""

    name = "refunds"
    title = _("Refunds")
    lede = _("Refunds by the day on which they were asked for.")
    by_doctor = True
    columns = (
        Column("at", _("Requested"), "time"),
        Column("patient", _("Patient")),
        Column("amount", _("Amount"), "money"),
        Column("status", _("Status"), "status"),
        Column("reason", _("Reason")),
        Column("destination", _("Paid back as"), "code"),
        Column("asked_by", _("Requested by")),
        Column("settled_at", _("Settled"), "time"),
    )

    def sections(self, filters: Filters) -> list[Section]:
        rows = [_shown(row) for row in db.session.execute(_wanted(filters))]
        currency = settings_in_scope().currency
        settled = [row["amount"] for row in rows if row["status"] == "SETTLED" and row["amount"].currency == currency]
        totals = {"at": gettext("Settled"), "amount": Money.total(settled, currency)}
        return [Section("", self.columns, rows, totals)]


def _wanted(filters: Filters) -> Any:
    start, end = local_bounds(filters.first, filters.last)
    wanted = (
        select(Refund, Payment, Patient.first_name, Patient.last_name, User.first_name, User.last_name)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Patient, Patient.id == Payment.patient_id)
        .outerjoin(User, User.id == Refund.requested_by_id)
        .outerjoin(Invoice, Invoice.id == Payment.invoice_id)
        .options(contains_eager(Refund.payment))
        .where(Refund.created_at >= start, Refund.created_at < end)
        .order_by(Refund.created_at.desc(), Refund.id.desc())
        .limit(MOST_ROWS)
    )
    if filters.location_id:
        wanted = wanted.where(Invoice.location_id == filters.location_id)
    return wanted.where(Invoice.doctor_id == filters.doctor_id) if filters.doctor_id else wanted


def _shown(row: Any) -> dict[str, Any]:
    refund = row[0]
    return {
        "at": refund.created_at,
        "patient": f"{row[2]} {row[3]}".strip(),
        "amount": refund.amount,
        "status": refund.shown_status,
        "reason": refund.reason,
        "destination": refund.destination,
        "asked_by": f"{row[4] or ''} {row[5] or ''}".strip(),
        "settled_at": refund.settled_at,
        "link": ("RefundView.show", refund.id),
    }
