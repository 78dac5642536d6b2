"""Reading payments, refunds and what is left unclear."""

from __future__ import annotations

from sqlalchemy import select

from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.payments.models import Payment, Refund


def get_payment(payment_id: str) -> Payment:
    """A payment that the principal may see: a PATIENT only their own. Raises NotFound."""
    wanted = select(Payment).where(Payment.id == payment_id)
    own = own_patient_id()
    if own is not None:
        wanted = wanted.where(Payment.patient_id == own)
    payment = db.session.scalar(wanted.execution_options(populate_existing=True))
    if payment is None:
        raise NotFound
    return payment


def get_refund(refund_id: str) -> Refund:
    """Raises NotFound."""
    refund = db.session.get(Refund, refund_id)
    if refund is None:
        raise NotFound
    get_payment(refund.payment_id)
    return refund


def payments_of_invoice(invoice_id: str) -> list[Payment]:
    """Every payment that was made or begun for an invoice, the oldest first."""
    return list(db.session.scalars(select(Payment).where(Payment.invoice_id == invoice_id).order_by(Payment.id)))
