"""What the clock does to a subscription, with a moved one: bill, fall due, remind, recover, cancel, expire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.billing.jobs.subscriptions import sweep_subscriptions
from app.billing.models import Invoice, Subscription, SubscriptionPeriod
from app.billing.periods import add_periods
from app.billing.services import begin_invoice_payment, collect_at_desk, credit_balance
from app.billing.services.coverage import NotCovered
from app.billing.services.renewals import bill_next_period
from app.billing.services.subscription_locks import lock_with_money
from app.billing.services.subscriptions import cancel_subscription, renew_subscription
from app.core import clock
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.messaging.models import Message
from app.payments.services import start_checkout
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.billing.conftest import run_everything
from tests.daytime import ZONE_NAME
from tests.factories.billing import rupees
from tests.factories.history import archive
from tests.factories.payments import closed_port, make_gateway_account
from tests.factories.people import make_patient
from tests.factories.scheduling import local
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
from tests.sandbox_server import RunningSandbox


@pytest.fixture(autouse=True)
def _alone(in_clinic: Any) -> None:
    """Earlier tests' subscriptions have nothing left that the clock would come to."""
    with all_tenants(), unit_of_work():
        db.session.execute(update(Subscription).values(next_step_at=None))


def changes(subscription: Subscription) -> list[str]:
    """What was told of it, in order."""
    db.session.rollback()
    wanted = select(EventRecord).where(EventRecord.subject_id == subscription.id).order_by(EventRecord.id)
    return [
        ":".join([item.type.removeprefix("billing.subscription."), *_detail(item)])
        for item in db.session.scalars(wanted)
    ]


def _detail(item: EventRecord) -> list[str]:
    detail = item.payload.get("change", item.payload.get("step"))
    return [] if detail is None else [str(detail)]


def state(subscription: Subscription) -> tuple[str, int, int]:
    row = reread(subscription)
    return row.status, row.period_number, row.used


def test_a_renewal_is_billed_ahead_and_begins_when_it_is_paid(in_clinic: Any) -> None:
    subscription = make_subscription()
    covered(subscription, make_visit(subscription))
    ends = reread(subscription).period_ends_at
    assert sweep_subscriptions() == 0
    with clock.travel(to=ends - timedelta(days=3, minutes=1)):
        assert sweep_subscriptions() == 0
    with clock.travel(to=ends - timedelta(days=2)):
        sweep_subscriptions()
        assert sweep_subscriptions() == 0
        assert state(subscription) == ("ACTIVE", 1, 1)
        assert [item.total_minor for item in all_of(Invoice)] == [100_000, 100_000]
        assert changes(subscription)[-1] == "payment_due:0"
        pay_pending(subscription)
        assert state(subscription) == ("ACTIVE", 2, 0)
        assert reread(subscription).period_ends_at == add_periods(
            reread(subscription).anchored_at, "MONTH", 2, ZONE_NAME
        )
        used = [item.used for item in all_of(SubscriptionPeriod)]
        assert used == [1, 0]
    assert [item.status for item in all_of(Invoice)] == ["PAID", "PAID"]


def test_an_archived_clinic_bills_and_charges_nobody(in_clinic: Any) -> None:
    subscription = make_subscription()
    archive([in_clinic.id])
    with clock.travel(to=reread(subscription).period_ends_at + timedelta(days=1)):
        assert sweep_subscriptions() == 0
    assert state(subscription) == ("ACTIVE", 1, 0)
    assert len(all_of(Invoice)) == 1


def test_unpaid_it_falls_due_is_reminded_of_four_times_and_cancelled(in_clinic: Any) -> None:
    patient = make_patient(email="p@example.com")
    subscription = make_subscription(make_plan(period="WEEK"), patient_id=patient.id)
    run_everything()
    with in_days(7.01):
        sweep_subscriptions()
        assert state(subscription) == ("PAST_DUE", 1, 0)
        assert refused_because(subscription) == "PAYMENT_DUE"
    told = {}
    for day in range(1, 16):
        with in_days(7.02 + day):
            sweep_subscriptions()
            run_everything()
            told[day] = (reread(subscription).status, reread(subscription).reminders)
    assert told == {
        1: ("PAST_DUE", 1), 2: ("PAST_DUE", 1), 3: ("PAST_DUE", 2), 4: ("PAST_DUE", 2), 5: ("PAST_DUE", 3),
        6: ("PAST_DUE", 3), 7: ("PAST_DUE", 4), 8: ("PAST_DUE", 4), 9: ("PAST_DUE", 4), 10: ("PAST_DUE", 4),
        11: ("PAST_DUE", 4), 12: ("PAST_DUE", 4), 13: ("PAST_DUE", 4), 14: ("CANCELLED", 4), 15: ("CANCELLED", 4),
    }  # fmt: skip
    assert changes(subscription) == [
        "created", "payment_due:0", "renewed", "payment_due:0", "updated:past_due", "payment_due:1", "payment_due:2",
        "payment_due:3", "payment_due:4", "cancelled",
    ]  # fmt: skip
    sent = [(item.template, item.channel) for item in all_of(Message, Message.patient_id == patient.id)]
    for channel in ("email", "whatsapp"):
        assert [name for name, by in sent if by == channel and name.startswith("subscription")] == [
            "subscription_confirmed", "subscription_due", *["subscription_unpaid"] * 4, "subscription_cancelled",
        ]  # fmt: skip
    assert [item.status for item in all_of(Invoice)] == ["PAID", "VOID"]


def refused_because(subscription: Subscription) -> str:
    visit = make_visit(subscription, starts_at=local(clock.today(ZONE_NAME) + timedelta(days=1)))
    with pytest.raises(NotCovered) as refused:
        covered(subscription, visit)
    return refused.value.code


def test_paying_late_recovers_and_the_period_is_counted_from_the_payment(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(period="WEEK"))
    with in_days(8):
        sweep_subscriptions()
    with in_days(12):
        sweep_subscriptions()
        assert reread(subscription).reminders == 2
        pay_pending(subscription)
        recovered = reread(subscription)
        assert state(subscription) == ("ACTIVE", 2, 0)
        assert (recovered.past_due_since, recovered.reminders) == (None, 0)
        assert recovered.period_ends_at - recovered.period_starts_at == timedelta(days=7)
    with in_days(18.9):
        sweep_subscriptions()
        assert state(subscription) == ("ACTIVE", 2, 0)


def test_an_outage_of_the_clock_takes_nobody_the_days_to_pay(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(period="WEEK"))
    with in_days(60):
        assert sweep_subscriptions() == 1
        assert (reread(subscription).status, reread(subscription).reminders) == ("PAST_DUE", 0)
        assert sweep_subscriptions() == 0
    with in_days(66):
        sweep_subscriptions()
        assert (reread(subscription).status, reread(subscription).reminders) == ("PAST_DUE", 3)
        assert changes(subscription)[-1] == "payment_due:3"


def test_the_clinic_sets_the_days(in_clinic: Any) -> None:
    with unit_of_work():
        settings = {"dunning_days": "2", "dunning_cancel_days": 4, "renewal_notice_days": 0}
        update_clinic(db.session.get_one(Clinic, in_clinic.id), settings)
    subscription = make_subscription(make_plan(period="DAY"), paid=False)
    told = []
    for day in range(1, 5):
        with in_days(day + 0.01):
            sweep_subscriptions()
            told.append((reread(subscription).status, reread(subscription).reminders))
    assert told == [("PAST_DUE", 0), ("PAST_DUE", 1), ("PAST_DUE", 1), ("CANCELLED", 1)]


def test_a_trial_that_nobody_pays_ends_unpaid(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(trial_days=10), paid=False)
    assert state(subscription)[0] == "TRIALING"
    with in_days(10.01):
        sweep_subscriptions()
        assert state(subscription)[0] == "PAST_DUE"
    with in_days(24.1):
        sweep_subscriptions()
        assert state(subscription)[0] == "CANCELLED"


def test_without_renewal_it_expires_and_can_be_renewed(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(period="WEEK"), auto_renew=False)
    with in_days(7.01):
        sweep_subscriptions()
        assert state(subscription) == ("EXPIRED", 1, 0)
        assert owed_invoice(subscription) is None
        with unit_of_work():
            renew_subscription(subscription.id)
        assert state(subscription)[0] == "EXPIRED"
        pay_pending(subscription)
        assert state(subscription) == ("ACTIVE", 2, 0)
        assert reread(subscription).auto_renew


def test_an_end_that_was_planned_comes_with_the_period(in_clinic: Any) -> None:
    subscription = make_subscription(make_plan(period="WEEK"))
    with unit_of_work():
        cancel_subscription(subscription.id, "Moves away", at_period_end=True)
    with in_days(6):
        assert sweep_subscriptions() == 0
    with in_days(7.01):
        sweep_subscriptions()
        assert state(subscription)[0] == "CANCELLED"
        assert reread(subscription).cancel_reason == "Moves away"


def test_a_bill_is_made_once_per_period(in_clinic: Any) -> None:
    subscription = make_subscription()
    for _ in range(3):
        with unit_of_work():
            bill_next_period(lock_with_money(subscription.id))
    assert len(all_of(Invoice)) == 2
    pay_pending(subscription)
    assert state(subscription) == ("ACTIVE", 2, 0)
    assert [item.number for item in all_of(SubscriptionPeriod)] == [1, 2]


def test_money_that_a_gateway_cannot_deny_keeps_it_from_being_cancelled(in_clinic: Any) -> None:
    subscription = make_subscription(paid=False)
    make_gateway_account(f"http://127.0.0.1:{closed_port()}")
    with unit_of_work():
        invoice = owed_invoice(subscription)
        payment = begin_invoice_payment(db.session.merge(invoice))
        payment.order_id = "order_1"
    with in_days(14.1):
        sweep_subscriptions()
        assert state(subscription)[0] == "PAST_DUE"
        assert sweep_subscriptions() == 0


def test_money_that_came_unheard_of_is_found_before_it_is_cancelled(sandbox: RunningSandbox, in_clinic: Any) -> None:
    subscription = make_subscription(paid=False)
    with unit_of_work():
        payment_id = begin_invoice_payment(db.session.merge(owed_invoice(subscription))).id
    order_id = start_checkout(payment_id).order_id
    sandbox.pay(order_id, webhook=False)
    with in_days(14.1):
        sweep_subscriptions()
        assert state(subscription) == ("ACTIVE", 1, 0)


def test_what_came_for_a_cancelled_subscription_is_credit(in_clinic: Any) -> None:
    subscription = make_subscription(paid=False)
    with unit_of_work():
        collect_at_desk(db.session.merge(owed_invoice(subscription)), "CASH", rupees("400"))
    with unit_of_work():
        cancel_subscription(subscription.id)
    (invoice,) = all_of(Invoice)
    assert (invoice.status, invoice.paid_minor, invoice.credited_minor) == ("PAID", 0, 100_000)
    assert str(credit_balance(subscription.patient_id)) == "400.00 INR"
    assert state(subscription) == ("CANCELLED", 0, 0)
