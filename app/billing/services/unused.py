"""Giving back what was billed and is not used: a credit note, and what was paid of it as the patient's credit.

The unused part of a period is its invoice's total, tax included, in proportion to the days that are left (the day of
the change counts as left) or to the visits that are left of its quota, whichever is less: visits that are all used on
the first day leave nothing to give back. Used and unused part add up to the total, to the minor unit.
"""

from __future__ import annotations

from sqlalchemy import select

from app.billing.models import Invoice, InvoiceStatus, Subscription, SubscriptionPeriod
from app.billing.periods import days_between, share
from app.billing.services.credit_notes import credit_lines
from app.billing.services.credit_parts import LineCredit
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.tenancy.queries import settings_in_scope


def invoice_of_period(subscription: Subscription) -> Invoice | None:
    """What the present period was paid by; nothing in a trial."""
    return db.session.scalar(
        select(Invoice)
        .join(SubscriptionPeriod, SubscriptionPeriod.invoice_id == Invoice.id)
        .where(
            SubscriptionPeriod.subscription_id == subscription.id,
            SubscriptionPeriod.number == subscription.period_number,
        )
    )


def unused_part(subscription: Subscription) -> Money:
    """What of the present period's invoice is paid and not used."""
    invoice = invoice_of_period(subscription)
    starts, ends = subscription.period_starts_at, subscription.period_ends_at
    if invoice is None or invoice.status != InvoiceStatus.PAID or starts is None or ends is None:
        return Money.zero(subscription.currency)
    worth, zone = invoice.total - invoice.credited, settings_in_scope().zone
    by_days = share(worth, days_between(clock.now(), ends, zone), days_between(starts, ends, zone))
    if subscription.quota is None:
        return by_days
    return min(by_days, share(worth, subscription.quota - subscription.used, subscription.quota))


def credit_unused(subscription: Subscription, reason: str) -> Money:
    """Give the unused part back (see `lock_with_money`); how much that is. Nothing is left to give back afterwards."""
    amount, invoice = unused_part(subscription), invoice_of_period(subscription)
    if invoice is not None:
        give_back(invoice, amount, reason)
    return amount


def give_back(invoice: Invoice, amount: Money, reason: str) -> None:
    """Credit a locked invoice of a subscription, which has one line, by an amount with its tax."""
    if amount.minor > 0:
        (line,) = invoice.lines
        credit_lines(invoice, [LineCredit(line.id, amount=amount)], reason, release_paid=True)
