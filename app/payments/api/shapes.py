"""How payments and refunds look on the wire, and how amounts and ids are read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from app.core.amounts import read_money
from app.core.errors import Invalid
from app.core.ids import is_id
from app.core.money import Money
from app.payments.models import Payment, Refund

PAYMENT_COLUMNS = (
    Payment.id,
    Payment.status,
    Payment.amount_minor,
    Payment.captured_minor,
    Payment.refunded_minor,
    Payment.currency,
    Payment.provider,
    Payment.method,
    Payment.reference,
    Payment.notes,
    Payment.patient_id,
    Payment.invoice_id,
    Payment.appointment_id,
    Payment.order_id,
    Payment.failure_code,
    Payment.created_at,
    Payment.completed_at,
)


REFUND_COLUMNS = (
    Refund.id,
    Refund.status,
    Refund.amount_minor,
    Refund.currency,
    Refund.payment_id,
    Refund.reason,
    Refund.destination,
    Refund.external,
    Refund.error_text,
    Refund.created_at,
    Refund.settled_at,
)


def show_payment(row: Any) -> dict[str, Any]:
    """SPEC 20's shape, of a Payment or of a row of PAYMENT_COLUMNS."""
    return {
        "id": row.id,
        "status": row.status,
        "amount": _major(row.amount_minor, row.currency),
        "capturedAmount": _major(row.captured_minor, row.currency),
        "refundedAmount": _major(row.refunded_minor, row.currency),
        "currency": row.currency,
        "provider": row.provider,
        "method": row.method or None,
        "reference": row.reference,
        "notes": row.notes,
        "patientId": row.patient_id,
        "invoiceId": row.invoice_id,
        "appointmentId": row.appointment_id,
        "orderId": row.order_id,
        "failureCode": row.failure_code or None,
        "createdAt": row.created_at.isoformat(),
        "completedAt": row.completed_at.isoformat() if row.completed_at else None,
    }


def show_refund(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "amount": _major(row.amount_minor, row.currency),
        "currency": row.currency,
        "paymentId": row.payment_id,
        "reason": row.reason,
        "destination": row.destination,
        "external": row.external,
        "failure": row.error_text or None,
        "createdAt": row.created_at.isoformat(),
        "settledAt": row.settled_at.isoformat() if row.settled_at else None,
    }


def _major(minor: int, currency: str) -> int | float:
    return Money(minor, currency).to_json()


def amount_of(value: Decimal | None, currency: str) -> Money | None:
    return None if value is None else read_money(value, currency)


def checked_id(value: str, name: str) -> str:
    if not is_id(value):
        raise Invalid(fields={name: _("This is not an id.")})
    return value
