"""Periods by the calendar, and what a change of plan gives back: to the day and to the minor unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.billing.models import CreditNote, Invoice, Subscription
from app.billing.periods import add_periods, days_between, per_month, share
from app.billing.services import credit_balance
from app.billing.services.plan_changes import SamePlan, change_plan_at_once, change_plan_later
from app.billing.services.subscriptions import cancel_subscription, renew_subscription
from app.billing.services.unused import unused_part
from app.billing.subscription_notices import confirm_again
from app.core.money import Money
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from tests.factories.access import make_clinic
from tests.factories.catalog import make_tax
from tests.factories.subscriptions import (
    all_of,
    covered,
    in_days,
    make_plan,
    make_subscription,
    make_visit,
    owed_invoice,
    pay_pending,
    reread,
)

KOLKATA = "Asia/Kolkata"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "period", "count", "end"),
    [
        ("2026-01-31T10:00+05:30", "MONTH", 1, "2026-02-28T10:00+05:30"),
        ("2026-01-31T10:00+05:30", "MONTH", 2, "2026-03-31T10:00+05:30"),
        ("2028-01-31T00:15+05:30", "MONTH", 1, "2028-02-29T00:15+05:30"),
        ("2028-02-29T10:00+05:30", "YEAR", 1, "2029-02-28T10:00+05:30"),
        ("2026-12-31T23:59+05:30", "MONTH", 2, "2027-02-28T23:59+05:30"),
        ("2026-12-31T10:00+05:30", "DAY", 1, "2027-01-01T10:00+05:30"),
        ("2026-12-28T10:00+05:30", "WEEK", 1, "2027-01-04T10:00+05:30"),
    ],
)
def test_periods_follow_the_calendar(start: str, period: str, count: int, end: str) -> None:
    assert add_periods(moment(start), period, count, KOLKATA) == moment(end)


def test_the_hour_of_the_clock_stays_when_summer_time_begins() -> None:
    start = moment("2026-03-20T10:00+01:00")
    assert add_periods(start, "MONTH", 1, "Europe/Berlin") == moment("2026-04-20T10:00+02:00")


@given(
    minor=st.integers(0, 10**12),
    whole=st.integers(1, 400),
    part=st.integers(0, 400),
    currency=st.sampled_from(["INR", "USD", "JPY", "KWD"]),
)
def test_the_used_and_the_unused_part_are_the_whole(minor: int, whole: int, part: int, currency: str) -> None:
    amount, part = Money(minor, currency), min(part, whole)
    unused, used = share(amount, part, whole), share(amount, whole - part, whole)
    assert abs(unused.minor * whole - minor * part) < whole
    assert abs((unused + used).minor - minor) <= 1
    assert unused + (amount - unused) == amount


def test_a_price_per_month() -> None:
    assert per_month(Money(120_000, "INR"), "YEAR") == Money(10_000, "INR")
    assert per_month(Money(12_000, "INR"), "WEEK") == Money(52_143, "INR")


def change(subscription: Subscription, plan: Any, *, later: bool = False) -> Subscription:
    with unit_of_work():
        (change_plan_later if later else change_plan_at_once)(subscription.id, plan)
    return reread(subscription)


def settled(subscription: Subscription) -> bool:
    """Nothing in the books says otherwise than the invoices do."""
    owed = sum(invoice.amount_due.minor for invoice in all_of(Invoice))
    assert balance(AccountCode.RECEIVABLE, subscription.patient_id).minor == owed
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_a_dearer_plan_takes_what_is_unused_and_asks_for_the_rest(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan("3000.00", period="MONTH"))
    gold = make_plan("6000.00", quota=10)
    started, ends = subscription.period_starts_at, subscription.period_ends_at
    whole = days_between(started, ends, KOLKATA)
    with in_days(10):
        changed = change(subscription, gold)
        assert (changed.status, changed.plan_id) == ("PAST_DUE", gold.id)
        unused = Money(300_000, "INR").allocate([whole - 10, 10])[0]
        (note,) = all_of(CreditNote)
        assert note.total == unused
        owed = owed_invoice(changed)
        assert owed is not None and owed.amount_due == Money(600_000, "INR") - unused
        assert not credit_balance(changed.patient_id)
        pay_pending(changed)
        running = reread(changed)
        assert (running.status, running.quota, running.used, running.period_number) == ("ACTIVE", 10, 0, 2)
        assert settled(running)


def test_a_cheaper_plan_begins_at_once_and_the_rest_is_credit(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan("3000.00", tax_rate_id=make_tax().id))
    basic = make_plan("100.00", quota=1, period="WEEK")
    changed = change(subscription, basic)
    assert (changed.status, changed.plan_id, changed.quota, changed.period) == ("ACTIVE", basic.id, 1, "WEEK")
    assert changed.period_ends_at - changed.period_starts_at == timedelta(days=7)
    assert str(credit_balance(changed.patient_id)) == "3440.00 INR"
    assert not balance(AccountCode.TAX_PAYABLE)
    assert str(balance(AccountCode.REVENUE)) == "100.00 INR"
    assert settled(changed)


def test_another_plan_before_the_first_payment_has_its_own_quota(in_clinic: Any) -> None:
    """What the patient is told of the plan that is to be paid: its visits beside its price."""
    subscription = make_subscription(make_plan("100.00", quota=2), paid=False)
    yearly = make_plan("300.00", quota=5, period="YEAR")
    changed = change(subscription, yearly)
    assert (changed.status, changed.quota, changed.used, changed.period) == ("PAST_DUE", 5, 0, "YEAR")
    with unit_of_work():
        told = confirm_again(reread(subscription))
    assert {message.variables["visits"] for message in told} == {"5"}
    pay_pending(changed)
    assert (reread(changed).status, reread(changed).quota) == ("ACTIVE", 5)


def test_visits_that_were_used_are_not_given_back(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan("1000.00", quota=4))
    for _ in range(3):
        covered(subscription, make_visit(subscription))
    assert str(unused_part(reread(subscription))) == "250.00 INR"
    covered(subscription, make_visit(subscription))
    assert not unused_part(reread(subscription))
    assert not all_of(CreditNote)


def test_a_change_later_bills_the_other_plan_next(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan("1000.00"))
    yearly = make_plan("9000.00", period="YEAR", quota=None)
    changed = change(subscription, yearly, later=True)
    assert (changed.status, changed.plan_id, changed.next_plan_id) == ("ACTIVE", subscription.plan_id, yearly.id)
    with unit_of_work():
        renew_subscription(subscription.id)
    invoice = pay_pending(subscription)
    assert str(invoice.total) == "9000.00 INR"
    running = reread(subscription)
    assert (running.plan_id, running.next_plan_id, running.period, running.quota) == (yearly.id, None, "YEAR", None)
    assert running.period_ends_at == add_periods(running.period_starts_at, "YEAR", 1, KOLKATA)


def test_in_a_trial_the_plan_is_swapped_and_the_trial_goes_on(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(trial_days=14, quota=1), paid=False)
    covered(subscription, make_visit(subscription))
    changed = change(subscription, make_plan(quota=6))
    assert (changed.status, changed.quota, changed.used) == ("TRIALING", 6, 1)
    assert changed.trial_ends_at == subscription.trial_ends_at
    with pytest.raises(SamePlan):
        change(changed, changed.plan)


def test_cancelling_can_give_the_unused_part_back(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan("700.00", period="WEEK", quota=None))
    with in_days(3), unit_of_work():
        cancel_subscription(subscription.id, give_unused_back=True)
    assert str(credit_balance(subscription.patient_id)) == "400.00 INR"
    assert settled(subscription)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.integers(1, 10**7),
    new=st.integers(0, 10**7),
    day=st.integers(0, 27),
    percent=st.sampled_from([None, "18", "7.7"]),
    used=st.integers(0, 3),
)
def test_no_change_of_plan_makes_or_loses_money(
    app_context: Any, old: int, new: int, day: int, percent: str | None, used: int
) -> None:
    with tenant_scope(make_clinic().id):
        tax = make_tax(percent=percent).id if percent else None
        prices = [str(Money(price, "INR").major) for price in (old, new)]
        subscription = make_subscription(make_plan(prices[0], quota=3, tax_rate_id=tax))
        for _ in range(used):
            covered(subscription, make_visit(subscription))
        paid = all_of(Invoice)[0].total
        whole = days_between(subscription.period_starts_at, subscription.period_ends_at, KOLKATA)
        with in_days(day):
            changed = change(subscription, make_plan(prices[1], tax_rate_id=tax))
            by_days, by_visits = (Fraction(paid.minor * part, of) for part, of in ((whole - day, whole), (3 - used, 3)))
            credited = sum(note.total_minor for note in all_of(CreditNote))
            assert abs(credited - min(by_days, by_visits)) < 1
            invoices = all_of(Invoice)
            assert sum(item.paid_minor for item in invoices) + credit_balance(changed.patient_id).minor == paid.minor
            due = max(invoices[1].total_minor - credited, 0)
            assert invoices[1].amount_due.minor == due
            assert (changed.status == "ACTIVE") == (due == 0)
            assert settled(changed)
