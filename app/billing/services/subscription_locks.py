"""What is locked before a subscription changes, in the order of all locks: payments, visit, invoice, subscription."""

from __future__ import annotations

from sqlalchemy import or_, select

from app.billing.models import InvoiceAllocation, Subscription, SubscriptionPeriod
from app.billing.services.patient_credit import free_payments
from app.billing.services.settlement import lock_invoices
from app.core.errors import NotFound
from app.core.tenant import db
from app.payments.models import Payment


def lock_row(subscription_id: str) -> Subscription:
    """The row, fresh: quota and status only ever change under this lock. Raises NotFound."""
    wanted = select(Subscription).where(Subscription.id == subscription_id)
    locking = wanted.with_for_update(of=Subscription, key_share=True).execution_options(populate_existing=True)
    subscription = db.session.scalar(locking)
    if subscription is None:
        raise NotFound
    return subscription


def lock_with_money(subscription_id: str) -> Subscription:
    """The row with the invoices of its present and its next period, and the payments that may move. Raises NotFound.

    A bill that is made between the two looks is not paid yet: it is locked when it is withdrawn.
    """
    invoice_ids = _invoices(subscription_id)
    patient_id = db.session.scalar(select(Subscription.patient_id).where(Subscription.id == subscription_id))
    if patient_id is None:
        raise NotFound
    _lock_payments(invoice_ids, [item.payment.id for item in free_payments(patient_id)])
    lock_invoices(invoice_ids)
    return lock_row(subscription_id)


def _invoices(subscription_id: str) -> list[str]:
    wanted = (
        select(SubscriptionPeriod.invoice_id)
        .join(Subscription, Subscription.id == SubscriptionPeriod.subscription_id)
        .where(Subscription.id == subscription_id, SubscriptionPeriod.number >= Subscription.period_number)
    )
    return [str(found) for found in db.session.scalars(wanted.where(SubscriptionPeriod.invoice_id.is_not(None)))]


def _lock_payments(invoice_ids: list[str], payment_ids: list[str]) -> None:
    paying = select(InvoiceAllocation.payment_id).where(InvoiceAllocation.invoice_id.in_(invoice_ids))
    wanted = select(Payment).where(or_(Payment.id.in_(paying), Payment.id.in_(payment_ids))).order_by(Payment.id)
    locking = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    db.session.scalars(locking).all()
