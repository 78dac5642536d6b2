"""Invariants across slices: a completed payment settles its invoice and confirms its visit in the same transaction."""

from __future__ import annotations

from app.billing.services.settlement import confirm_paid_visit, credit_refund, settle_invoice
from app.core.money import Money
from app.core.tenant import db
from app.events.base import reacts_to
from app.payments.events import PaymentCompleted, PaymentRefunded
from app.payments.models import Payment, Refund


@reacts_to(PaymentCompleted)
def settle_on_payment(event: PaymentCompleted) -> None:
    if event.invoice_id is None:
        return
    payment = db.session.get_one(Payment, event.payment_id)
    invoice = settle_invoice(event.invoice_id, event.payment_id, Money(payment.captured_minor, payment.currency))
    confirm_paid_visit(invoice, event.payment_id)


@reacts_to(PaymentRefunded)
def credit_on_refund(event: PaymentRefunded) -> None:
    if event.invoice_id is None:
        return
    refund = db.session.get_one(Refund, event.refund_id)
    amount = Money(event.amount_minor, event.currency)
    credit_refund(event.invoice_id, event.payment_id, event.refund_id, amount, refund.reason or "Refund")
