"""PhonePe through real services and its real wire: hints never decide, signed notices do, lost answers cost nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import requests
from sqlalchemy import select

from app.core import clock
from app.core.errors import Invalid, ProviderUnavailable
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment
from app.payments.services import ask_gateway, start_checkout
from tests.factories.payments import make_gateway_account, make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.payments.phonepe import (
    HEADER,
    PhonePeClinic,
    both_schemes,
    came,
    captured_times,
    every_scheme,
    hand_on,
    hint,
    post,
    stored_webhooks,
)
from tests.sandbox_server import RunningSandbox, held_where_slow
from tests.scripted_server import Server
from tests.waiting import wait_until


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


# ---- paying ----


@every_scheme
def test_a_payment_is_completed_by_its_webhook(
    client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    checkout = start_checkout(payment.id)
    assert (checkout.method, checkout.order_id) == ("GET", payment.id)
    page = requests.get(checkout.url, timeout=60)
    assert page.status_code == 200 and "₹800.00" in page.text
    transaction = phonepe.pay(checkout.order_id)["paymentId"]
    hand_on(client, clinic.id, came(phonepe_inbox, 1)[0])
    assert "authorization" not in stored_webhooks()[0].headers
    before = phonepe.asked("order_status")
    run_jobs()
    done = reread(payment)
    assert (done.status, done.gateway_payment_id, done.method) == ("COMPLETED", transaction, "upi")
    # Only the default header leaves us to ask.
    assert phonepe.asked("order_status") - before == (1 if phonepe.scheme == "sha" else 0)
    assert [row.status for row in stored_webhooks()] == ["PROCESSED"]
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("800")
    assert done.page_url is None


def test_the_payer_comes_back_with_nothing_and_the_gateway_is_asked(client: Any, phonepe: PhonePeClinic) -> None:
    payment = make_payment(rupees("800"))
    checkout = start_checkout(payment.id)
    pressed = requests.post(f"{checkout.url}/press", data={"result": "success"}, timeout=60, allow_redirects=False)
    assert pressed.status_code == 303
    path = pressed.headers["Location"].partition("/pay/return/")[2]
    page = copy_context().run(client.get, f"/pay/return/{path}")
    assert page.status_code == 200
    assert reread(payment).status == "COMPLETED"


def test_a_forged_hint_leads_to_one_question_and_no_change(client: Any, clinic: Any, phonepe: PhonePeClinic) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    assert post(client, clinic.id, hint(order_id), {"Authorization": HEADER}).status_code == 200
    before = phonepe.sandbox.call_counts("phonepe")
    run_jobs()
    after = phonepe.sandbox.call_counts("phonepe")
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        "order_status": 1
    }
    left = reread(payment)
    assert (left.status, left.captured_minor, left.attempts) == ("PENDING", 0, [])
    assert [row.status for row in stored_webhooks()] == ["PROCESSED"]
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("0")


@pytest.mark.parametrize("header", ["", "0" * 64, HEADER.upper()], ids=["none", "wrong", "upper case"])
def test_a_wrong_header_is_a_security_event_and_nothing_else(
    client: Any, clinic: Any, phonepe: PhonePeClinic, header: str
) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    answered = post(client, clinic.id, hint(order_id), {"Authorization": header} if header else {})
    assert (answered.status_code, answered.get_json()["error"]["code"]) == (401, "BAD_SIGNATURE")
    assert stored_webhooks() == []
    events = db.session.scalars(select(EventRecord.type).where(EventRecord.category == "SECURITY")).all()
    assert "payment.webhook.refused" in events
    assert (run_jobs(), reread(payment).status) == (0, "PENDING")


def test_another_clinics_webhook_is_refused(
    client: Any, other_clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    phonepe.pay(start_checkout(payment.id).order_id)
    received = came(phonepe_inbox, 1)[0]
    assert post(client, other_clinic.id, received.body, dict(received.headers)).status_code == 404
    assert reread(payment).status == "PENDING"


@both_schemes
def test_a_failed_attempt_leaves_the_order_payable(
    client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    checkout = start_checkout(payment.id)
    phonepe.pay(checkout.order_id, "failure")
    hand_on(client, clinic.id, came(phonepe_inbox, 1)[0])
    run_jobs()
    failed = reread(payment)
    assert (failed.status, failed.failure_code) == ("FAILED", "TXN_AUTO_FAILED")
    assert start_checkout(payment.id).url == checkout.url
    assert phonepe.asked("create_order") == 1
    phonepe.pay(checkout.order_id)
    hand_on(client, clinic.id, came(phonepe_inbox, 2)[1])
    run_jobs()
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)


@both_schemes
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_every_order_and_repetition_of_its_notices_ends_the_same(
    client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server, order: tuple[int, ...]
) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    for result in ("failure", "failure", "success"):
        phonepe.pay(order_id, result)
    notices = came(phonepe_inbox, 3)
    for place in (*order, order[0]):
        hand_on(client, clinic.id, notices[place])
        run_jobs()
    done = reread(payment)
    assert (done.status, done.captured_minor, captured_times()) == ("COMPLETED", 80_000, 1)
    assert sorted(attempt.failed for attempt in done.attempts) == [False, True, True]
    assert {row.status for row in stored_webhooks()} == {"PROCESSED"}
    assert len(stored_webhooks()) == 3
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("800")


@both_schemes
def test_a_notice_before_the_answer_of_create_is_made_good(
    app: Any, client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    payment_id = payment.id
    db.session.rollback()
    phonepe.sandbox.fault("phonepe", "slow", operation="create_order")

    def start() -> str:
        with app.app_context(), tenant_scope(clinic.id):
            return start_checkout(payment_id).order_id

    press = f"/_control/checkout/phonepe/{payment_id}"
    with ThreadPoolExecutor(1) as other, held_where_slow() as lag:
        answered = other.submit(start)
        wait_until(lambda: phonepe.sandbox.request("POST", press, json={"result": "success"}).ok)
        hand_on(client, clinic.id, came(phonepe_inbox, 1)[0])
        run_jobs()
        assert [row.status for row in stored_webhooks()] == ["WAITING" if phonepe.scheme == "sha" else "PROCESSED"]
        lag.over.set()
        assert answered.result() == payment_id
    run_jobs()
    assert [row.status for row in stored_webhooks()] == ["PROCESSED"]
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)


def test_money_that_nobody_told_us_of_is_found_by_the_poller(phonepe: PhonePeClinic) -> None:
    payment = make_payment(rupees("800"))
    phonepe.pay(start_checkout(payment.id).order_id, webhook=False)
    with clock.travel(timedelta(minutes=3)):
        assert sweep_payments() == 1
        run_jobs()
    assert reread(payment).status == "COMPLETED"


# ---- orders that nobody can pay ----


@pytest.mark.parametrize("fault", ["reset", "malformed"])
def test_an_order_whose_answer_is_lost_is_replaced_by_one_that_can_be_paid(phonepe: PhonePeClinic, fault: str) -> None:
    payment = make_payment(rupees("800"))
    phonepe.sandbox.fault("phonepe", fault, operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert reread(payment).status == "UNKNOWN"
    checkout = start_checkout(payment.id)
    assert checkout.order_id == f"{payment.id}-2"
    assert (reread(payment).status, phonepe.asked("create_order")) == ("PENDING", 2)
    assert requests.get(checkout.url, timeout=60).status_code == 200
    phonepe.pay(checkout.order_id, webhook=False)
    ask_gateway(payment.id)
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)


def test_the_poller_finds_a_lost_order_and_the_payer_gets_another(phonepe: PhonePeClinic) -> None:
    payment = make_payment(rupees("800"))
    phonepe.sandbox.fault("phonepe", "reset", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    with clock.travel(timedelta(seconds=6)):
        assert sweep_payments() == 1
        run_jobs()
    assert (reread(payment).status, reread(payment).order_id) == ("PENDING", payment.id)
    assert start_checkout(payment.id).order_id == f"{payment.id}-2"


def test_an_order_that_was_not_opened_is_opened_under_its_first_name(phonepe: PhonePeClinic) -> None:
    payment = make_payment(rupees("800"))
    phonepe.sandbox.fault("phonepe", "500", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert start_checkout(payment.id).order_id == payment.id


@both_schemes
def test_an_expired_order_makes_way_for_another_and_its_late_notice_is_taken(
    client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    first = start_checkout(payment.id)
    phonepe.pay(first.order_id, "failure")
    phonepe.pay(first.order_id, "expire")
    second = start_checkout(payment.id)
    assert (second.order_id, second.url != first.url) == (f"{payment.id}-2", True)
    for notice in came(phonepe_inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()
    assert {row.status for row in stored_webhooks()} == {"PROCESSED"}
    phonepe.pay(second.order_id)
    hand_on(client, clinic.id, came(phonepe_inbox, 3)[2])
    run_jobs()
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)
    assert start_checkout_fails(payment)


def start_checkout_fails(payment: Payment) -> bool:
    from app.core.errors import Conflict

    with pytest.raises(Conflict) as refused:
        start_checkout(payment.id)
    return refused.value.code == "NOTHING_TO_PAY"


# ---- what it cannot take ----


@pytest.mark.parametrize("amount", [Money(99, "INR"), Money(80_000, "USD")], ids=str)
def test_an_amount_that_phonepe_cannot_take_is_refused(phonepe: PhonePeClinic, amount: Money) -> None:
    with pytest.raises(Invalid) as refused:
        make_payment(amount)
    assert "amount" in (refused.value.fields or {})


def test_reserving_money_is_refused(phonepe: PhonePeClinic) -> None:
    with pytest.raises(Invalid) as refused:
        make_payment(rupees("800"), manual_capture=True)
    assert "capture" in (refused.value.fields or {})


def test_another_account_takes_what_phonepe_cannot(phonepe: PhonePeClinic) -> None:
    make_gateway_account(priority=1)
    assert make_payment(rupees("800")).provider == "phonepe"
    assert make_payment(Money(80_000, "USD")).provider == "razorpay"
    assert make_payment(rupees("800"), manual_capture=True).provider == "razorpay"


def test_the_fallback_takes_over_when_phonepe_is_away(phonepe: PhonePeClinic, gateway_server: RunningSandbox) -> None:
    from tests.factories.payments import KEY_ID, KEY_SECRET

    gateway_server.account("razorpay", keyId=KEY_ID, keySecret=KEY_SECRET)
    make_gateway_account(gateway_server.razorpay_url, priority=1)
    gateway_server.fault("phonepe", "429", operation="create_order")
    payment = make_payment(rupees("800"))
    assert start_checkout(payment.id).provider == "razorpay"
    assert reread(payment).provider == "razorpay"
