"""Billing a subscription's next period, and beginning it once its invoice is paid. Callers commit.

A period begins with its payment: the quota is new at once, and it lasts until one period after the end of the one
before, so that paying early loses no day. After a gap it is counted from the payment. A bill is made once per period.
"""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import bindparam, select, update

from app.billing.models import (
    COVERING,
    OWED,
    Coverage,
    Invoice,
    InvoiceStatus,
    Plan,
    Subscription,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from app.billing.periods import add_periods, period_name
from app.billing.services.invoices import draft_invoice, open_invoice, void_invoice
from app.billing.services.lines import NewLine
from app.billing.services.subscription_locks import lock_row
from app.billing.services.unused import give_back
from app.billing.subscription_events import SubscriptionPaymentDue, SubscriptionRenewed
from app.catalog.queries import rule_of
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, read_kept, scoped
from app.events.services import publish
from app.scheduling.queries import local_day
from app.tenancy.queries import settings_in_scope

MOST_OF_A_PERIOD = 4  # a renewal is never billed earlier than in the last quarter of the period


def pending_period(subscription: Subscription) -> SubscriptionPeriod | None:
    """The next period once it is billed."""
    return db.session.scalar(
        select(SubscriptionPeriod).where(
            SubscriptionPeriod.subscription_id == subscription.id,
            SubscriptionPeriod.number == subscription.period_number + 1,
        )
    )


def pending_invoice(subscription: Subscription) -> Invoice | None:
    """What is owed for the next period."""
    period = pending_period(subscription)
    invoice = db.session.get(Invoice, period.invoice_id) if period is not None and period.invoice_id else None
    return invoice if invoice is not None and invoice.status in OWED else None


def bill_next_period(subscription: Subscription) -> SubscriptionPeriod:
    """The bill of the next period of a locked subscription: the one that is there, or a new one.

    An invoice that somebody voided is replaced. A free period is paid, and begins, at once.
    """
    period = pending_period(subscription)
    if period is not None and pending_invoice(subscription) is not None:
        return period
    plan = subscription.next_plan or subscription.plan
    invoice = draft_invoice(subscription.patient_id, [_line(plan)], due_on=_due_on(subscription))
    period = period or SubscriptionPeriod(
        id=new_id(), subscription_id=subscription.id, number=subscription.period_number + 1, used=0
    )
    period.plan_id, period.invoice_id, period.quota = plan.id, invoice.id, plan.quota
    period.price_minor, period.currency = plan.price_minor, plan.currency
    db.session.add(period)
    db.session.flush()
    open_invoice(invoice)
    if invoice.amount_due:
        _tell_due(subscription, period, 0)
    set_next_step(subscription)
    return period


def _tell_due(subscription: Subscription, period: SubscriptionPeriod, step: int) -> None:
    publish(
        SubscriptionPaymentDue.about(subscription, invoice_id=period.invoice_id, period_number=period.number, step=step)
    )


def remind(subscription: Subscription) -> None:
    """Tell once more what is owed, if it still is."""
    period = pending_period(subscription)
    if period is not None and pending_invoice(subscription) is not None:
        _tell_due(subscription, period, subscription.reminders)


def _line(plan: Plan) -> NewLine:
    tax = rule_of(plan.tax_rate, plan.hsn) if plan.tax_rate else None
    words = _("%(plan)s, one %(period)s", plan=plan.name, period=period_name(plan.period).lower())
    return NewLine(words[:200], plan.price, tax=tax, hsn=plan.hsn)


def _due_on(subscription: Subscription) -> date:
    """The last day of what is paid, or today."""
    today = clock.today(settings_in_scope().zone)
    return max(today, local_day(subscription.period_ends_at)) if subscription.period_ends_at else today


def begin_paid_period(invoice_id: str) -> Subscription | None:
    """Begin the period that the invoice bills, with a new quota. Safe to repeat; None for any other invoice.

    The invoice is locked by who settled it.
    """
    period_id = read_kept(_BILLED, {"invoice": invoice_id}).scalar()
    if period_id is None:
        return None
    period = db.session.get_one(SubscriptionPeriod, period_id)
    subscription = lock_row(period.subscription_id)
    if period.number != subscription.period_number + 1 or subscription.status == SubscriptionStatus.CANCELLED:
        return subscription
    _close_period(subscription)
    _begin(subscription, period)
    set_next_step(subscription)
    db.session.flush()
    publish(
        SubscriptionRenewed.about(subscription, period_number=subscription.period_number, invoice_id=period.invoice_id)
    )
    return subscription


_BILLED = scoped(select(SubscriptionPeriod.id).where(SubscriptionPeriod.invoice_id == bindparam("invoice")))


def _close_period(subscription: Subscription) -> None:
    """What was used of the present period becomes history; its visits count no more."""
    at = select(SubscriptionPeriod).where(
        SubscriptionPeriod.subscription_id == subscription.id, SubscriptionPeriod.number == subscription.period_number
    )
    old = db.session.scalar(at)
    if old is not None:
        old.used = subscription.used
    forget_counted(subscription)


def forget_counted(subscription: Subscription) -> None:
    """The visits covered so far keep their cover, but give nothing back to the quota any more."""
    counted = update(Coverage).where(Coverage.subscription_id == subscription.id, Coverage.counted.is_(True))
    db.session.execute(counted.values(counted=False))
    subscription.used = 0


def _begin(subscription: Subscription, period: SubscriptionPeriod) -> None:
    plan, now = db.session.get_one(Plan, period.plan_id), clock.now()
    ends = subscription.period_ends_at
    if subscription.anchored_at is None or ends is None or ends <= now or plan.period != subscription.period:
        subscription.anchored_at, subscription.anchor_periods = now, 0
    subscription.anchor_periods += 1
    zone = settings_in_scope().zone
    period.starts_at = now
    period.ends_at = add_periods(subscription.anchored_at, plan.period, subscription.anchor_periods, zone)
    subscription.period_starts_at, subscription.period_ends_at = period.starts_at, period.ends_at
    subscription.period_number, subscription.quota = period.number, period.quota
    subscription.plan_id, subscription.period, subscription.next_plan_id = plan.id, plan.period, None
    subscription.price_minor, subscription.currency = period.price_minor, period.currency
    subscription.started_at = subscription.started_at or now
    subscription.past_due_since, subscription.reminders, subscription.ended_at = None, 0, None
    if subscription.status != SubscriptionStatus.ACTIVE:
        subscription.become(SubscriptionStatus.ACTIVE)


def withdraw_pending(subscription: Subscription, reason: str) -> None:
    """Take back the unpaid bill of the next period; money that came for it is the patient's credit."""
    invoice = pending_invoice(subscription)
    if invoice is None:
        return
    if invoice.paid_minor or invoice.credited_minor:
        give_back(invoice, invoice.total - invoice.credited, reason)
    elif invoice.can_become(InvoiceStatus.VOID):
        void_invoice(invoice, reason)


def set_next_step(subscription: Subscription) -> None:
    """When the clock has to do something next: bill, end, remind, cancel; the sweeper obeys it."""
    if subscription.status in COVERING:
        subscription.next_step_at = _next_of_running(subscription)
    elif subscription.status == SubscriptionStatus.PAST_DUE:
        subscription.next_step_at = _next_of_unpaid(subscription)
    else:
        subscription.next_step_at = None


def _next_of_running(subscription: Subscription) -> datetime:
    starts, ends = subscription.period_starts_at, subscription.period_ends_at
    assert starts is not None and ends is not None  # ck_subscription_has_period
    free = not (subscription.next_plan or subscription.plan).price_minor  # there is nothing to pay ahead
    if subscription.ending or free or pending_period(subscription) is not None:
        return ends
    ahead = add_periods(ends, "DAY", -settings_in_scope().renewal_notice_days, settings_in_scope().zone)
    return max(ahead, ends - (ends - starts) / MOST_OF_A_PERIOD)


def _next_of_unpaid(subscription: Subscription) -> datetime:
    settings = settings_in_scope()
    since = subscription.past_due_since
    assert since is not None  # ck_subscription_past_due
    steps = [day for day in settings.dunning_steps if day < settings.dunning_cancel_days]
    days = steps[subscription.reminders] if subscription.reminders < len(steps) else settings.dunning_cancel_days
    return add_periods(since, "DAY", days, settings.zone)
