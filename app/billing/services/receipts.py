"""Receipts: one number per payment that brought money."""

from __future__ import annotations

from sqlalchemy import select

from app.billing.models import Receipt
from app.billing.numbering import RECEIPTS, next_document_number
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.core.together import insert_together
from app.payments.models import Payment
from app.tenancy.queries import settings_in_scope


def issue_receipt(payment: Payment) -> Receipt:
    """The receipt of a locked payment; a second call finds the first one's."""
    return _receipt_of(payment.split_id or payment.id) or new_receipt(payment)


def new_receipt(payment: Payment) -> Receipt:
    """The receipt of a locked payment that is known to have none."""
    receipt = Receipt(
        id=new_id(),
        number=next_document_number(RECEIPTS, settings_in_scope().receipt_prefix),
        payment_id=payment.id,
        patient_id=payment.patient_id,
        issued_at=clock.now(),
    )
    insert_together(receipt)
    return receipt


def find_receipt(payment_id: str) -> Receipt | None:
    """Its own, or that of the parts it was taken with."""
    first = db.session.scalar(select(Payment.split_id).where(Payment.id == payment_id))
    return _receipt_of(first or payment_id)


def parts_of(receipt: Receipt) -> list[Payment]:
    """The payments on a receipt, in the order in which they were taken."""
    first = receipt.payment_id
    wanted = select(Payment).where((Payment.id == first) | (Payment.split_id == first))
    return list(db.session.scalars(wanted.order_by(Payment.id)))


def _receipt_of(first_payment_id: str) -> Receipt | None:
    return db.session.scalar(select(Receipt).where(Receipt.payment_id == first_payment_id))
