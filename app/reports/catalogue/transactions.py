"""Transactions: every payment that came and every refund that went, in the order in which they did."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Select, String, and_, case, cast, func, literal, null, select, union_all

from app.billing.models import Invoice
from app.core.money import Money
from app.core.tenant import db
from app.payments.models import CHEQUE_RETURNED, DESK, Payment, Refund, RefundStatus
from app.people.models import Patient
from app.reports.base import Column, Filters, Report, Section
from app.scheduling.queries import local_bounds

MOST_ROWS = 100_000
SHOWN = 500
PAYMENT, REFUND = "PAYMENT", "REFUND"


def transaction_rows(filters: Filters) -> Any:
    """A subquery of (at, id, kind, status and as screens tell it, amounts, provider, method, ids) over some days."""
    both = union_all(_payments(filters), _refunds(filters))
    return both.subquery("transactions")


def _payments(filters: Filters) -> Select[Any]:
    start, end = local_bounds(filters.first, filters.last)
    wanted = select(
        Payment.completed_at.label("at"),
        Payment.id.label("id"),
        literal(PAYMENT).label("kind"),
        cast(Payment.status, String).label("status"),
        case((Payment.failure_code == CHEQUE_RETURNED, CHEQUE_RETURNED), else_=Payment.status).label("shown_status"),
        Payment.captured_minor.label("amount_minor"),
        Payment.currency.label("currency"),
        Payment.provider.label("provider"),
        Payment.method.label("method"),
        case((Payment.provider == DESK, Payment.reference), else_=Payment.gateway_payment_id).label("reference"),
        Payment.id.label("payment_id"),
        Payment.patient_id.label("patient_id"),
        Payment.invoice_id.label("invoice_id"),
        null().label("reason"),
    ).where(Payment.completed_at >= start, Payment.completed_at < end)
    return _narrowed(wanted, filters)


def _refunds(filters: Filters) -> Select[Any]:
    start, end = local_bounds(filters.first, filters.last)
    wanted = (
        select(
            Refund.settled_at,
            Refund.id,
            literal(REFUND),
            Refund.status,
            case((and_(Refund.external, Payment.provider == DESK), CHEQUE_RETURNED), else_=Refund.status),
            -Refund.amount_minor,
            Refund.currency,
            Payment.provider,
            Payment.method,
            func.coalesce(Refund.gateway_refund_id, Refund.bank_reference),
            Refund.payment_id,
            Payment.patient_id,
            Payment.invoice_id,
            Refund.reason,
        )
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.status == RefundStatus.SETTLED, Refund.settled_at >= start, Refund.settled_at < end)
    )
    return _narrowed(wanted, filters)


def _narrowed(wanted: Any, filters: Filters) -> Any:
    if not filters.location_id and not filters.doctor_id:
        return wanted
    wanted = wanted.join(Invoice, Invoice.id == Payment.invoice_id)
    if filters.location_id:
        wanted = wanted.where(Invoice.location_id == filters.location_id)
    if filters.doctor_id:
        wanted = wanted.where(Invoice.doctor_id == filters.doctor_id)
    return wanted


class Transactions(Report):
    """The list behind the sums."""

    name = "transactions"
    title = _("Transactions")
    lede = _("Payments that came and refunds that went, the newest first.")
    by_doctor = True
    columns = (
        Column("at", _("When"), "time"),
        Column("kind", _("What"), "code"),
        Column("patient", _("Patient")),
        Column("amount", _("Amount"), "money"),
        Column("method", _("Method"), "code"),
        Column("provider", _("Gateway"), "code"),
        Column("invoice", _("Invoice")),
        Column("reference", _("Reference")),
        Column("status", _("Status"), "status"),
    )

    def sections(self, filters: Filters) -> list[Section]:
        rows = [_shown(row) for row in db.session.execute(self._wanted(filters))]
        return [Section("", self.columns, rows, self._totals(rows))]

    def _wanted(self, filters: Filters) -> Any:
        part = transaction_rows(filters)
        return (
            select(part, Patient.first_name, Patient.last_name, Invoice.number)
            .join(Patient, Patient.id == part.c.patient_id)
            .outerjoin(Invoice, Invoice.id == part.c.invoice_id)
            .order_by(part.c.at.desc(), part.c.id.desc())
            .limit(MOST_ROWS)
        )

    def _totals(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        currencies = {row["amount"].currency for row in rows}
        if len(currencies) != 1:
            return {}
        return {"at": gettext("Total"), "amount": Money.total((row["amount"] for row in rows), currencies.pop())}


def _shown(row: Any) -> dict[str, Any]:
    view = "RefundView" if row.kind == REFUND else "PaymentView"
    return {
        "at": row.at,
        "kind": row.kind,
        "patient": f"{row.first_name} {row.last_name}".strip(),
        "amount": Money(int(row.amount_minor), row.currency),
        "method": row.method or row.provider,
        "provider": row.provider,
        "invoice": row.number or "",
        "reference": row.reference or "",
        "status": row.shown_status,
        "link": (f"{view}.show", row.id),
    }
