"""What a patient lets us charge: instalments on their day, a subscription when it falls due; nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.billing.jobs.collecting import follow_payment_plans
from app.billing.jobs.subscriptions import sweep_subscriptions
from app.billing.models import PaymentPlan, Subscription
from app.billing.services import make_payment_plan
from app.billing.services.autopay import set_autopay
from app.core.errors import Conflict, Invalid
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.queries import trial_balance, trial_balance_totals
from app.messaging.models import Message
from app.payments.jobs import sweep_payments
from app.payments.models import OperationKind, Payment, PaymentMethod, PaymentOperation
from app.payments.services import ask_gateway, start_checkout
from app.payments.services.saved_methods import remove_method
from app.people.models import Patient
from tests.billing.conftest import run_everything
from tests.factories.billing import make_invoice
from tests.factories.people import make_patient
from tests.factories.subscriptions import all_of, in_days, make_plan, make_subscription, reread
from tests.payments.gateway_accounts import STRIPE, GatewayClinic, leave_card

CHARGE = "create_intent"


@pytest.fixture
def method(stripe: GatewayClinic) -> PaymentMethod:
    return leave_card(stripe, make_patient(email="p@example.com").id)[0]


def agreed(method: PaymentMethod) -> Subscription:
    """A weekly subscription that the patient pays by that instrument."""
    subscription = make_subscription(make_plan(period="WEEK"), patient_id=method.patient_id)
    run_everything()
    with unit_of_work():
        set_autopay(db.session.get_one(Subscription, subscription.id), method.id)
    return subscription


def charges() -> list[Payment]:
    return [row for row in all_of(Payment) if row.saved_method_id]


def settle_down() -> None:
    sweep_payments()
    run_everything()


def test_a_subscription_that_falls_due_is_charged_and_goes_on(stripe: GatewayClinic, method: PaymentMethod) -> None:
    subscription = agreed(method)
    with in_days(7.01):
        sweep_subscriptions()
        assert reread(subscription).status == "PAST_DUE"
        settle_down()
        assert (reread(subscription).status, reread(subscription).period_number) == ("ACTIVE", 2)
    (payment,) = charges()
    assert (payment.status, payment.provider, payment.captured_minor) == ("COMPLETED", "stripe", 100_000)
    assert stripe.calls(CHARGE) == 1
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_an_unclear_charge_takes_the_money_once(stripe: GatewayClinic, method: PaymentMethod, fault: str) -> None:
    subscription = agreed(method)
    stripe.fault(fault, CHARGE)
    with in_days(7.01):
        sweep_subscriptions()
        settle_down()
        (payment,) = charges()
        ask_gateway(payment.id)
        run_everything()
        assert reread(subscription).status == "ACTIVE"
    assert [row.status for row in charges()] == ["COMPLETED"]
    paid = stripe.sandbox.request(
        "GET", "/stripe/v1/payment_intents", headers={"Authorization": f"Bearer {STRIPE.fields['secretKey']}"}
    ).json()["data"]
    assert [item["status"] for item in paid] == ["succeeded"]


def test_a_declined_card_is_told_and_tried_again_on_each_day(stripe: GatewayClinic, method: PaymentMethod) -> None:
    subscription = agreed(method)
    with unit_of_work():
        row = db.session.get_one(PaymentMethod, method.id)
        row.method_id = _refusing_card(stripe, method)
    tried = {}
    for day in (0.01, 1.02, 3.02, 5.02):
        with in_days(7 + day):
            sweep_subscriptions()
            settle_down()
            tried[day] = len(charges())
    assert tried == {0.01: 1, 1.02: 2, 3.02: 3, 5.02: 4}
    assert {row.status for row in charges()} == {"FAILED"}
    assert reread(subscription).status == "PAST_DUE"
    told = [row.template for row in all_of(Message, Message.patient_id == method.patient_id) if row.channel == "email"]
    assert told.count("subscription_unpaid") == 3  # the day it fell due it had been told already


def _refusing_card(stripe: GatewayClinic, method: PaymentMethod) -> str:
    from app.payments.services.saved_methods import customer_at

    attached = stripe.sandbox.request(
        "POST",
        "/stripe/v1/payment_methods/pm_card_chargeCustomerFail/attach",
        data={"customer": customer_at(method.account_id, method.patient_id)},
        headers={"Authorization": f"Bearer {STRIPE.fields['secretKey']}"},
    )
    return str(attached.json()["id"])


def test_instalments_are_charged_on_their_day_and_nobody_is_asked(stripe: GatewayClinic, method: PaymentMethod) -> None:
    invoice = make_invoice("900.00", patient=db.session.get_one(Patient, method.patient_id))
    with unit_of_work():
        plan = make_payment_plan(db.session.merge(invoice), 3)
        set_autopay(plan, method.id)
        plan_id = plan.id
    follow_payment_plans()
    settle_down()
    follow_payment_plans()
    settle_down()
    plan = db.session.get_one(PaymentPlan, plan_id)
    assert [item.paid_minor for item in plan.instalments] == [30_000, 0, 0]
    with in_days(32):
        follow_payment_plans()
        settle_down()
    db.session.rollback()
    plan = db.session.get_one(PaymentPlan, plan_id)
    assert [item.paid_minor for item in plan.instalments] == [30_000, 30_000, 0]
    assert "instalment_due" not in {row.template for row in all_of(Message)}
    assert stripe.calls(CHARGE) == 2


def test_a_removed_instrument_is_not_charged_and_the_patient_is_asked(
    stripe: GatewayClinic, method: PaymentMethod
) -> None:
    subscription = agreed(method)
    db.session.rollback()
    remove_method(method.id)
    with in_days(8.02):
        sweep_subscriptions()
        sweep_subscriptions()
        settle_down()
    assert charges() == [] and stripe.calls(CHARGE) == 0
    assert reread(subscription).status == "PAST_DUE"


def test_an_instrument_removed_before_its_charge_gives_the_payment_up(
    stripe: GatewayClinic, method: PaymentMethod
) -> None:
    agreed(method)
    with in_days(7.01):
        sweep_subscriptions()
        db.session.rollback()
        remove_method(method.id)
        settle_down()
    (payment,) = charges()
    operation = all_of(PaymentOperation, PaymentOperation.kind == OperationKind.CHARGE)[0]
    assert (payment.status, operation.status, operation.error_code) == ("VOIDED", "FAILED", "method_removed")
    assert stripe.calls(CHARGE) == 0


def test_nobody_pays_on_a_page_what_is_being_charged(stripe: GatewayClinic, method: PaymentMethod) -> None:
    agreed(method)
    with in_days(7.01):
        sweep_subscriptions()
        (payment,) = charges()
        db.session.rollback()
        with pytest.raises(Conflict):
            start_checkout(payment.id)


def test_another_patients_instrument_is_refused(
    stripe: GatewayClinic, method: PaymentMethod, client_as: Callable[..., Any]
) -> None:
    subscription = make_subscription(make_plan(period="WEEK"), patient_id=make_patient().id)
    with pytest.raises(Invalid), unit_of_work():
        set_autopay(db.session.get_one(Subscription, subscription.id), method.id)
    own = make_subscription(make_plan(period="WEEK"), patient_id=method.patient_id)
    client = client_as("FINANCE_BILLING")
    path = f"/api/v1/billing/subscriptions/{subscription.id}"
    assert client.put(path, json={"autopayMethodId": method.id}).status_code == 422
    path = f"/api/v1/billing/subscriptions/{own.id}"
    assert client.put(path, json={"autopayMethodId": method.id}).get_json()["autopayMethodId"] == method.id
    assert client.put(path, json={"autopayMethodId": None}).get_json()["autopayMethodId"] is None
