"""What the clock does to a subscription: bill ahead, let it fall due, remind, cancel, let it expire. Callers commit.

The row says when (`next_step_at`), so that a step that was missed is done later, and done once. A subscription falls
due when the clock gets to it: after an outage its patient still has all the days to pay.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import COVERING, Subscription, SubscriptionPeriod, SubscriptionStatus
from app.billing.periods import add_periods
from app.billing.services.autopay import charge_subscription
from app.billing.services.renewals import bill_next_period, pending_period, remind, set_next_step
from app.billing.services.subscription_locks import lock_with_money
from app.billing.services.subscriptions import end_subscription
from app.billing.subscription_events import SubscriptionUpdated
from app.core import clock
from app.core.tenant import db
from app.events.services import publish
from app.payments.models import Payment, PaymentStatus
from app.tenancy.models import Clinic
from app.tenancy.queries import settings_in_scope

UNCLEAR = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN, PaymentStatus.FAILED)
ASK_AGAIN = timedelta(hours=1)


def due_subscriptions(limit: int = 200) -> list[tuple[str, str]]:
    """(clinic, subscription) that the clock has come to, the longest overdue first. Needs all_tenants().

    An archived clinic bills and charges nobody: nobody there could give the money back.
    """
    due = (
        select(Subscription.clinic_id, Subscription.id)
        .join(Clinic, Clinic.id == Subscription.clinic_id)
        .where(Subscription.next_step_at <= clock.now(), Clinic.archived.is_(False))
        .order_by(Subscription.next_step_at)
        .limit(limit)
    )
    return [(row.clinic_id, row.id) for row in db.session.execute(due)]


def payments_to_ask_about(subscription_id: str) -> list[str]:
    """Payments of the unpaid bill whose gateway may know of money that we have not heard of."""
    wanted = (
        select(Payment.id)
        .join(SubscriptionPeriod, SubscriptionPeriod.invoice_id == Payment.invoice_id)
        .join(Subscription, Subscription.id == SubscriptionPeriod.subscription_id)
        .where(
            Subscription.id == subscription_id,
            Subscription.status == SubscriptionStatus.PAST_DUE,
            SubscriptionPeriod.number == Subscription.period_number + 1,
            Payment.status.in_(UNCLEAR),
        )
    )
    return list(db.session.scalars(wanted.order_by(Payment.id)))


def take_step(subscription_id: str, *, money_unclear: bool = False) -> bool:
    """Do what is due; False if nothing is (any more). While money may be under way nothing is cancelled."""
    subscription = lock_with_money(subscription_id)
    if subscription.next_step_at is None or subscription.next_step_at > clock.now():
        return False
    if subscription.status == SubscriptionStatus.PAST_DUE:
        _press(subscription, money_unclear)
    elif subscription.status in COVERING:
        _go_on(subscription)
    db.session.flush()
    return True


def postpone(subscription_id: str) -> None:
    """Something went wrong: others come first."""
    subscription = lock_with_money(subscription_id)
    if subscription.next_step_at is not None:
        subscription.next_step_at = clock.now() + ASK_AGAIN


def _go_on(subscription: Subscription) -> None:
    """In a paid period or a trial: bill the next one ahead, or come to the end."""
    assert subscription.period_ends_at is not None  # ck_subscription_has_period
    over = subscription.period_ends_at <= clock.now()
    if over and subscription.ending:
        asked = subscription.cancel_at_period_end
        end_subscription(subscription, SubscriptionStatus.CANCELLED if asked else SubscriptionStatus.EXPIRED)
        return
    number = subscription.period_number
    if pending_period(subscription) is None:
        bill_next_period(subscription)
    if over and subscription.period_number == number:
        _fall_due(subscription)
    set_next_step(subscription)


def _fall_due(subscription: Subscription) -> None:
    subscription.become(SubscriptionStatus.PAST_DUE)
    subscription.past_due_since, subscription.reminders = clock.now(), 0
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="past_due"))
    charge_subscription(subscription)


def _press(subscription: Subscription, money_unclear: bool) -> None:
    """Charge or remind on the clinic's days, of several that were missed once; cancel at the end."""
    settings, since = settings_in_scope(), subscription.past_due_since
    assert since is not None  # ck_subscription_past_due
    if _day(since, settings.dunning_cancel_days) <= clock.now():
        if money_unclear:
            subscription.next_step_at = clock.now() + ASK_AGAIN
            return
        end_subscription(subscription, SubscriptionStatus.CANCELLED, _("It was not paid."), unpaid=True)
        return
    passed = sum(1 for day in settings.dunning_steps if _day(since, day) <= clock.now())
    if passed > subscription.reminders:
        subscription.reminders = passed
        if not charge_subscription(subscription):
            remind(subscription)
    set_next_step(subscription)


def _day(since: datetime, days: int) -> datetime:
    return add_periods(since, "DAY", days, settings_in_scope().zone)
