"""An instrument that could not be charged: its owner is asked for the money, as of any other debt."""

from __future__ import annotations

from sqlalchemy import select

from app.billing.models import RUNNING, PaymentPlan, Subscription, SubscriptionPeriod
from app.billing.services.reminders import tell_instalment_due
from app.billing.services.renewals import remind
from app.core.tenant import db
from app.payments.models import Payment


def ask_after_failed_charge(payment: Payment) -> None:
    """Once for each of the clinic's days; of any other payment the payer knows already. Callers commit."""
    if payment.saved_method_id is None or payment.invoice_id is None:
        return
    plan = db.session.scalar(
        select(PaymentPlan).where(PaymentPlan.invoice_id == payment.invoice_id, PaymentPlan.status.in_(RUNNING))
    )
    if plan is not None and plan.next_instalment is not None:
        tell_instalment_due(plan.next_instalment, plan.next_instalment.told_days)
    subscription = db.session.scalar(
        select(Subscription)
        .join(SubscriptionPeriod, SubscriptionPeriod.subscription_id == Subscription.id)
        .where(SubscriptionPeriod.invoice_id == payment.invoice_id)
    )
    if subscription is not None:
        remind(subscription)
