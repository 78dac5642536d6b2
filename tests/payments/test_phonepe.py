"""PhonePe through real services and its real wire: hints never decide, signed notices do, lost answers cost nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from app.core import clock
from app.core.errors import Invalid, ProviderUnavailable
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, Refund
from app.payments.services import approve_refund, ask_gateway, request_refund, start_checkout
from app.payments.services.checkout import record_order
from tests.factories.payments import make_gateway_account, make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.payments.phonepe import CLIENT_ID, HEADER, PhonePeClinic, connect, stored_webhooks
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server, answer, scripted_server
from tests.waiting import wait_until

Acting = Callable[..., Any]


@pytest.fixture
def phonepe(gateway_server: RunningSandbox, in_clinic: Any, request: pytest.FixtureRequest) -> PhonePeClinic:
    """With the default header, unless a test asks for another scheme."""
    return connect(gateway_server, getattr(request, "param", "sha"))


@pytest.fixture
def inbox(phonepe: PhonePeClinic) -> Iterator[Server]:
    """Where the sandbox posts its webhooks: kept for the test to hand on as it likes."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        phonepe.register(server.url)
        yield server


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


every_scheme = pytest.mark.parametrize("phonepe", ["sha", "hmac", "v1"], indirect=True)
both_schemes = pytest.mark.parametrize("phonepe", ["sha", "hmac"], indirect=True)


def post(client: Any, clinic_id: str, raw: bytes, headers: dict[str, str]) -> Any:
    url = f"/api/payments/phonepe/webhook?clinicId={clinic_id}"
    return copy_context().run(client.post, url, data=raw, headers=headers)


def hand_on(client: Any, clinic_id: str, received: Received) -> None:
    assert post(client, clinic_id, received.body, dict(received.headers)).status_code == 200


def came(inbox: Server, count: int) -> list[Received]:
    wait_until(lambda: len(inbox.received) >= count)
    return list(inbox.received)


def hint(order_id: str, event: str = "checkout.order.completed", **payload: Any) -> bytes:
    paid = {"transactionId": "OM999", "state": "COMPLETED", "amount": 80_000, "timestamp": 1_767_225_600_000}
    said = {"merchantOrderId": order_id, "state": "COMPLETED", "amount": 80_000, "paymentDetails": [paid], **payload}
    return json.dumps({"event": event, "payload": said}).encode()


def captured_times() -> int:
    wanted = select(func.count()).select_from(EventRecord).where(EventRecord.type == "payment.completed")
    return int(db.session.scalar(wanted) or 0)


def paid(phonepe: PhonePeClinic, amount: str = "800") -> Payment:
    payment = make_payment(rupees(amount))
    phonepe.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    return reread(payment)


def refunded(payment: Payment, acting: Acting, amount: str | None = None) -> Refund:
    """Asked for, approved, and sent to the gateway."""
    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(payment, rupees(amount) if amount else None, "visit cancelled")
        approve_refund(refund)
    run_jobs()
    return reread(refund)


# ---- paying ----


@every_scheme
def test_a_payment_is_completed_by_its_webhook(client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server) -> None:
    payment = make_payment(rupees("800"))
    checkout = start_checkout(payment.id)
    assert (checkout.method, checkout.order_id) == ("GET", payment.id)
    page = requests.get(checkout.url, timeout=10)
    assert page.status_code == 200 and "₹800.00" in page.text
    transaction = phonepe.pay(checkout.order_id)["paymentId"]
    hand_on(client, clinic.id, came(inbox, 1)[0])
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
    pressed = requests.post(f"{checkout.url}/press", data={"result": "success"}, timeout=10, allow_redirects=False)
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


def test_a_forged_hint_about_a_refund_changes_nothing(
    client: Any, clinic: Any, phonepe: PhonePeClinic, acting: Acting
) -> None:
    payment = paid(phonepe)
    ours = refunded(payment, acting, "300")
    other = paid(phonepe)
    theirs = refunded(other, acting, "200")
    for refund_id in (ours.id, theirs.id, "made-up"):
        said = {"merchantRefundId": refund_id, "originalMerchantOrderId": payment.id, "amount": 30_000}
        raw = hint(payment.id, "pg.refund.completed", **said)
        assert post(client, clinic.id, raw, {"Authorization": HEADER}).status_code == 200
    run_jobs()
    left = reread(payment)
    assert (left.status, left.refunded_minor, left.refund_pending_minor) == ("COMPLETED", 0, 30_000)
    assert [refund.id for refund in left.refunds] == [ours.id]
    assert (reread(theirs).status, reread(other).refunded_minor) == ("SENT", 0)


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
    client: Any, other_clinic: Any, phonepe: PhonePeClinic, inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    phonepe.pay(start_checkout(payment.id).order_id)
    received = came(inbox, 1)[0]
    assert post(client, other_clinic.id, received.body, dict(received.headers)).status_code == 404
    assert reread(payment).status == "PENDING"


@both_schemes
def test_a_failed_attempt_leaves_the_order_payable(
    client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    checkout = start_checkout(payment.id)
    phonepe.pay(checkout.order_id, "failure")
    hand_on(client, clinic.id, came(inbox, 1)[0])
    run_jobs()
    failed = reread(payment)
    assert (failed.status, failed.failure_code) == ("FAILED", "TXN_AUTO_FAILED")
    assert start_checkout(payment.id).url == checkout.url
    assert phonepe.asked("create_order") == 1
    phonepe.pay(checkout.order_id)
    hand_on(client, clinic.id, came(inbox, 2)[1])
    run_jobs()
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)


@both_schemes
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_every_order_and_repetition_of_its_notices_ends_the_same(
    client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server, order: tuple[int, ...]
) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    for result in ("failure", "failure", "success"):
        phonepe.pay(order_id, result)
    notices = came(inbox, 3)
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
    client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server
) -> None:
    from app.payments.services.checkout import _open, _prepare

    payment = make_payment(rupees("800"))
    with unit_of_work():
        task = _prepare(payment.id)
    checkout = _open(task)  # type: ignore[arg-type]  # nobody holds this payment
    phonepe.pay(checkout.order_id)
    hand_on(client, clinic.id, came(inbox, 1)[0])
    run_jobs()
    early = "WAITING" if phonepe.scheme == "sha" else "PROCESSED"
    assert [row.status for row in stored_webhooks()] == [early]
    with unit_of_work():
        record_order(payment.id, checkout.order_id, task.claim.operation_id, page=checkout)  # type: ignore[union-attr]
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
    assert requests.get(checkout.url, timeout=10).status_code == 200
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
    client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    first = start_checkout(payment.id)
    phonepe.pay(first.order_id, "failure")
    phonepe.pay(first.order_id, "expire")
    second = start_checkout(payment.id)
    assert (second.order_id, second.url != first.url) == (f"{payment.id}-2", True)
    for notice in came(inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()
    assert {row.status for row in stored_webhooks()} == {"PROCESSED"}
    phonepe.pay(second.order_id)
    hand_on(client, clinic.id, came(inbox, 3)[2])
    run_jobs()
    assert (reread(payment).status, captured_times()) == ("COMPLETED", 1)
    assert start_checkout_fails(payment)


def start_checkout_fails(payment: Payment) -> bool:
    from app.core.errors import Conflict

    with pytest.raises(Conflict) as refused:
        start_checkout(payment.id)
    return refused.value.code == "NOTHING_TO_PAY"


# ---- refunds ----


def test_a_refund_is_pending_first_and_sent_once(phonepe: PhonePeClinic, acting: Acting) -> None:
    payment = paid(phonepe)
    refund = refunded(payment, acting, "300")
    assert (refund.status, refund.gateway_refund_id) == ("SENT", refund.id)
    assert (reread(payment).status, reread(payment).refund_pending_minor) == ("COMPLETED", 30_000)
    assert balance(AccountCode.REFUND_CLEARING) == rupees("300")
    ask_gateway(payment.id)
    assert (reread(refund).status, phonepe.asked("create_refund")) == ("SENT", 1)


def by_webhook(client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server, refund: Refund) -> None:
    for notice in came(inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()


def by_poller(client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server, refund: Refund) -> None:
    with clock.travel(timedelta(minutes=3)):
        sweep_payments()
        run_jobs()


@both_schemes
@pytest.mark.parametrize(
    "ways", [(by_webhook, by_poller), (by_poller, by_webhook)], ids=["webhook first", "poll first"]
)
@pytest.mark.parametrize(("end", "status"), [("processed", "SETTLED"), ("failed", "FAILED")])
def test_a_refund_ends_once_whoever_tells_it_first(  # noqa: PLR0913, PLR0917
    client: Any,
    clinic: Any,
    phonepe: PhonePeClinic,
    inbox: Server,
    acting: Acting,
    ways: tuple[Callable[..., None], ...],
    end: str,
    status: str,
) -> None:
    payment = paid(phonepe)
    refund = refunded(payment, acting, "300")
    phonepe.end_refund(refund.id, end)
    ways[0](client, clinic, phonepe, inbox, refund)
    assert reread(refund).status == status
    ways[1](client, clinic, phonepe, inbox, refund)
    left = reread(payment)
    settled = 30_000 if status == "SETTLED" else 0
    assert (left.refunded_minor, left.refund_pending_minor, reread(refund).status) == (settled, 0, status)
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == Money(80_000 - settled, "INR")
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")
    if status == "SETTLED":
        assert reread(refund).bank_reference
    assert {row.status for row in stored_webhooks()} == {"PROCESSED"}


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_a_refund_whose_answer_is_lost_is_asked_for_and_never_paid_twice(
    phonepe: PhonePeClinic, acting: Acting, fault: str
) -> None:
    payment = paid(phonepe)
    phonepe.sandbox.fault("phonepe", fault, operation="create_refund", before=False)
    refund = refunded(payment, acting, "300")
    assert (refund.status, reread(payment).in_doubt) == ("APPROVED", True)
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(refund).status, phonepe.asked("create_refund")) == ("SENT", 1)
    phonepe.end_refund(refund.id)
    ask_gateway(payment.id)
    assert (reread(refund).status, reread(payment).refunded_minor) == ("SETTLED", 30_000)


@both_schemes
def test_a_refund_of_the_dashboard_is_learnt_from_its_notice(
    client: Any, clinic: Any, phonepe: PhonePeClinic, inbox: Server
) -> None:
    payment = paid(phonepe)
    made = _on_the_dashboard(phonepe, payment.id, 30_000)
    phonepe.end_refund(made)
    for notice in came(inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()
    left = reread(payment)
    assert (left.status, left.refunded_minor) == ("PARTIALLY_REFUNDED", 30_000)
    assert [(refund.external, refund.gateway_refund_id) for refund in left.refunds] == [(True, made)]


def _on_the_dashboard(phonepe: PhonePeClinic, order_id: str, amount: int) -> str:
    form = {"client_id": CLIENT_ID, "client_version": "1", "client_secret": "console-client-secret"}
    form["grant_type"] = "client_credentials"
    token = phonepe.sandbox.request("POST", "/phonepe/v1/oauth/token", data=form).json()["access_token"]
    name = f"DASH{new_id()[-8:]}"
    body = {"merchantRefundId": name, "originalMerchantOrderId": order_id, "amount": amount}
    headers = {"Authorization": f"O-Bearer {token}"}
    assert phonepe.sandbox.request("POST", "/phonepe/payments/v2/refund", json=body, headers=headers).ok
    return name


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
