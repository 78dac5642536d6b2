"""The inbox: verified over raw bytes, stored once, processed in any order, kept until it makes sense."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from flask import Response
from sqlalchemy import func, select

from app.audit.models import AuditEntry
from app.core import clock, rate_limit
from app.core.forged_webhooks import FIRST_OF_ADDRESS, FIRST_OF_CLINIC
from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, WebhookStatus
from app.payments.services import process_webhook, replay_webhook, start_checkout
from app.payments.services.checkout import record_order
from app.tenancy.models import Clinic
from config import get_settings
from tests.factories.payments import WEBHOOK_SECRET, make_gateway_account, make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.payments.razorpay_notices import body, entity, headers, post, stored
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server
from tests.waiting import wait_until


@pytest.fixture
def payment(razorpay_clinic: Any) -> Payment:
    return make_payment(rupees("800"), order_id="order_1")


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


def test_a_webhook_completes_the_payment(client: Any, clinic: Any, payment: Payment) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    assert post(client, clinic.id, raw, headers(raw)).status_code == 200
    assert [row.status for row in stored()] == [WebhookStatus.RECEIVED]
    assert run_jobs() == 1
    row = stored()[0]
    assert (row.status, row.payment_id, bytes(row.raw)) == ("PROCESSED", payment.id, raw)
    assert set(row.headers) == {"x-razorpay-signature", "x-razorpay-event-id", "user-agent"}
    assert reread(payment).status == "COMPLETED"


def test_ten_times_at_once_and_again_later_move_money_once(
    app: Any, clinic: Any, client: Any, payment: Payment
) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    given = headers(raw)

    def send(_: int) -> int:
        return int(post(app.test_client(), clinic.id, raw, given).status_code)

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(send, range(10))) == {200}
    run_jobs()
    assert post(client, clinic.id, raw, given).status_code == 200
    run_jobs()
    assert len(stored()) == 1
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("800")


def test_webhooks_that_wait_together_are_one_job(client: Any, clinic: Any, payment: Payment) -> None:
    for event in ("payment.captured", "order.paid"):
        raw = body(event, payment=entity("order_1"))
        post(client, clinic.id, raw, headers(raw))
    assert run_jobs() == 1
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]


def test_an_archived_clinic_takes_no_webhook(client: Any, clinic: Any, payment: Payment) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    with all_tenants():
        db.session.get_one(Clinic, clinic.id).archived = True
        db.session.commit()
    assert post(client, clinic.id, raw, headers(raw)).status_code == 404
    with all_tenants():
        db.session.get_one(Clinic, clinic.id).archived = False
        db.session.commit()
    assert stored() == []


def test_the_same_event_processed_by_many_workers_at_once_counts_once(
    app: Any, client: Any, clinic: Any, payment: Payment
) -> None:
    for event in ("payment.captured", "order.paid"):
        raw = body(event, payment=entity("order_1"))
        post(client, clinic.id, raw, headers(raw))
    ids = [row.id for row in stored()]
    db.session.rollback()

    def work(number: int) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            process_webhook(ids[number % 2])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("800")
    completed = select(func.count()).select_from(EventRecord).where(EventRecord.type == "payment.completed")
    assert db.session.scalar(completed) == 1


# ---- what is refused ----


@pytest.mark.parametrize("spoil", ["signature", "missing", "body", "secret"])
def test_a_bad_signature_stores_nothing_but_a_security_event(
    client: Any, clinic: Any, payment: Payment, spoil: str
) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    given = headers(raw, secret="another" if spoil == "secret" else WEBHOOK_SECRET)
    if spoil == "signature":
        given["X-Razorpay-Signature"] = "0" * 64
    elif spoil == "missing":
        del given["X-Razorpay-Signature"]
    elif spoil == "body":
        raw = raw.replace(b"80000", b"90000")
    answer = post(client, clinic.id, raw, given)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "BAD_SIGNATURE")
    assert stored() == []
    events = db.session.scalars(select(EventRecord).where(EventRecord.category == "SECURITY")).all()
    assert [event.type for event in events] == ["payment.webhook.refused"]
    assert run_jobs() == 0
    assert reread(payment).status == "PENDING"


def test_unknown_clinics_and_gateways_are_not_found(client: Any, clinic: Any, payment: Payment) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    for clinic_id, gateway in ((new_id(), "razorpay"), ("x", "razorpay"), (clinic.id, "phonepay"), ("", "razorpay")):
        assert post(client, clinic_id, raw, headers(raw), gateway).status_code == 404


def test_another_clinics_signature_is_bad(client: Any, other_clinic: Any, payment: Payment) -> None:
    with tenant_scope(other_clinic.id):
        make_gateway_account(credentials={"webhook_secret": "lakeside"})
    raw = body("payment.captured", payment=entity("order_1"))
    assert post(client, other_clinic.id, raw, headers(raw)).status_code == 401


def test_a_body_above_the_limit_is_not_read(client: Any, clinic: Any, payment: Payment) -> None:
    raw = b"x" * (256 * 1024 + 1)
    assert post(client, clinic.id, raw, headers(raw)).status_code == 413


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"event": 7}', b"\xff\xfe", b'{"payload": {"payment": []}}'])
def test_a_signed_body_that_means_nothing_is_ignored(client: Any, clinic: Any, payment: Payment, raw: bytes) -> None:
    assert post(client, clinic.id, raw, headers(raw)).status_code == 200
    run_jobs()
    assert [row.status for row in stored()] == ["IGNORED"]


def test_an_amount_in_another_currency_is_parked_for_a_person(client: Any, clinic: Any, payment: Payment) -> None:
    raw = body("payment.captured", payment=entity("order_1", currency="USD"))
    post(client, clinic.id, raw, headers(raw))
    run_jobs()
    row = stored()[0]
    assert (row.status, "USD" in row.error) == ("PARKED", True)
    assert reread(payment).status == "PENDING"


def refused_events(clinic_id: str) -> list[dict[str, Any]]:
    with tenant_scope(clinic_id):
        wanted = (
            select(EventRecord.payload).where(EventRecord.type == "payment.webhook.refused").order_by(EventRecord.id)
        )
        return [payload or {} for payload in db.session.scalars(wanted)]


def forge(client: Any, clinic_id: str, address: str) -> int:
    url = f"/api/payments/razorpay/webhook?clinicId={clinic_id}"
    given = {"data": b"{}", "headers": {"X-Razorpay-Signature": "0" * 64}, "environ_base": {"REMOTE_ADDR": address}}
    return int(copy_context().run(client.post, url, **given).status_code)


def test_many_forged_webhooks_are_counted_not_written(client: Any, clinic: Any, payment: Payment) -> None:
    """Two rows each, in the log and in the trail, would let anybody fill the disk."""
    assert {forge(client, clinic.id, "203.0.113.5") for _ in range(120)} == {401}
    told = refused_events(clinic.id)
    assert 5 <= len(told) <= 10  # 1, 2, 3, 10 and 100; a minute may end in between
    assert [item["count"] for item in told[:3]] == [1, 2, 3]
    entries = select(func.count()).select_from(AuditEntry).where(AuditEntry.clinic_id == clinic.id)
    db.session.rollback()
    assert (db.session.scalar(entries) or 0) < 30


def test_many_senders_of_forged_webhooks_are_counted_together(client: Any, clinic: Any, payment: Payment) -> None:
    for number in range(100):
        assert forge(client, clinic.id, f"203.0.113.{number}") == 401
    assert len(refused_events(clinic.id)) <= 2 * FIRST_OF_CLINIC
    before = len(refused_events(clinic.id))
    for number in range(60):  # of one line
        assert forge(client, clinic.id, f"2001:db8::{number + 1:x}") == 401
    assert len(refused_events(clinic.id)) <= before + 2 * (FIRST_OF_ADDRESS + 1)


def test_forged_webhooks_hide_no_other_clinics(client: Any, clinic: Any, other_clinic: Any, payment: Payment) -> None:
    with tenant_scope(other_clinic.id):
        make_gateway_account()
    for _ in range(20):
        forge(client, clinic.id, "203.0.113.5")
    forge(client, other_clinic.id, "203.0.113.5")
    assert [item["address"] for item in refused_events(other_clinic.id)] == ["203.0.113.5"]


# ---- before its time ----


def test_a_webhook_of_an_unknown_order_waits_and_is_woken_by_the_order(
    client: Any, clinic: Any, razorpay_clinic: Any
) -> None:
    payment = make_payment(rupees("800"))
    raw = body("payment.captured", payment=entity("order_9"))
    post(client, clinic.id, raw, headers(raw))
    run_jobs()
    assert [row.status for row in stored()] == ["WAITING"]
    with unit_of_work():
        record_order(payment.id, "order_9")
    run_jobs()
    assert [row.status for row in stored()] == ["PROCESSED"]
    assert reread(payment).status == "COMPLETED"


def test_a_webhook_of_nobody_is_parked_at_last_and_can_be_replayed(
    client: Any, clinic: Any, razorpay_clinic: Any
) -> None:
    raw = body("payment.captured", payment=entity("order_9"))
    post(client, clinic.id, raw, headers(raw))
    run_jobs()
    later = timedelta()
    while stored()[0].status == "WAITING":
        later += timedelta(days=2)
        with clock.travel(later):
            assert sweep_payments() == 1
            run_jobs()
    row = stored()[0]
    assert (row.status, row.attempts) == ("PARKED", 8)
    payment = make_payment(rupees("800"), order_id="order_9")
    with unit_of_work():
        replay_webhook(reread(row))
    run_jobs()
    assert (stored()[0].status, reread(payment).status) == ("PROCESSED", "COMPLETED")


def test_a_lost_wake_up_is_made_up_for_by_the_sweeper(client: Any, clinic: Any, payment: Payment) -> None:
    from app.core.jobs import redis_connection

    raw = body("payment.captured", payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw))
    redis_connection().flushdb()  # Redis came back empty
    assert run_jobs() == 0
    assert sweep_payments() == 1
    run_jobs()
    assert reread(payment).status == "COMPLETED"


def test_a_refund_before_its_capture_waits(client: Any, clinic: Any, payment: Payment) -> None:
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 30_000, "currency": "INR", "status": "processed"}
    early = body("refund.processed", refund=refund, payment=entity("order_1", "authorized", captured=True))
    post(client, clinic.id, early, headers(early))
    run_jobs()
    assert [row.status for row in stored()] == ["WAITING"]
    raw = body("payment.captured", payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw))
    with clock.travel(timedelta(seconds=20)):
        sweep_payments()
        run_jobs()
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]
    assert reread(payment).status == "PARTIALLY_REFUNDED"


def test_an_automatic_refund_of_what_was_never_captured_is_a_void(client: Any, clinic: Any, payment: Payment) -> None:
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 80_000, "currency": "INR", "status": "processed"}
    raw = body("refund.created", refund=refund, payment=entity("order_1", "authorized", fee=None, tax=None))
    post(client, clinic.id, raw, headers(raw))
    run_jobs()
    assert (reread(payment).status, reread(payment).refunds) == ("VOIDED", [])
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("0")


def test_a_dispute_is_told_beside_the_status(client: Any, clinic: Any, payment: Payment) -> None:
    raw = body("payment.captured", payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw))
    dispute = {"id": "disp_1", "payment_id": "pay_1", "amount": 80_000, "currency": "INR", "status": "open"}
    raw = body("payment.dispute.created", dispute=dispute, payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw))
    run_jobs()
    told = db.session.scalars(select(EventRecord).where(EventRecord.type == "payment.disputed")).one()
    assert (told.payload or {})["disputeId"] == "disp_1"
    assert reread(payment).status == "COMPLETED"


# ---- as the sandbox really sends them ----


def hand_on(client: Any, clinic_id: str, received: Received) -> None:
    assert post(client, clinic_id, received.body, dict(received.headers)).status_code == 200


def test_the_sandboxes_webhooks_in_reverse_order_end_as_in_order(
    client: Any, clinic: Any, gateway: RunningSandbox, inbox: Server
) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    gateway.pay(order_id, "failure")
    paid = gateway.pay(order_id)
    wait_until(lambda: len(inbox.received) >= 1 + len(paid["webhooks"]))
    for received in reversed(inbox.received):
        hand_on(client, clinic.id, received)
    run_jobs()
    done = reread(payment)
    assert (done.status, done.gateway_payment_id, done.captured_minor) == ("COMPLETED", paid["paymentId"], 80_000)
    assert {row.status for row in stored()} == {"PROCESSED"}


def test_a_gateway_is_not_limited_but_whoever_is_refused_all_the_time(
    client: Any, clinic: Any, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that was cut off sends a day's notices in a minute, all from one address."""
    strict = get_settings().model_copy(update={"requests_per_minute": 8})
    monkeypatch.setattr("app.access.edge.get_settings", lambda: strict)
    monkeypatch.setattr(rate_limit, "WINDOW_SECONDS", 10**9)  # no minute ends in between
    raw = body("payment.captured", payment=entity("order_1"))
    assert {post(client, clinic.id, raw, headers(raw)).status_code for _ in range(30)} == {200}
    forged = [forge(client, clinic.id, "203.0.113.77") for _ in range(12)]
    assert forged == [401] * 9 + [429] * 3
    assert forge(client, clinic.id, "203.0.113.78") == 401


def test_a_failure_of_ours_turns_no_gateway_away(
    app: Any, client: Any, clinic: Any, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = get_settings().model_copy(update={"requests_per_minute": 3})
    monkeypatch.setattr("app.access.edge.get_settings", lambda: strict)
    monkeypatch.setattr(rate_limit, "WINDOW_SECONDS", 10**9)
    for status, turned_away in ((503, False), (401, True)):
        for _ in range(5):
            with app.test_request_context(
                "/api/payments/razorpay/webhook", environ_base={"REMOTE_ADDR": "203.0.113.79"}
            ):
                app.process_response(Response(status=status))
        assert (forge(client, clinic.id, "203.0.113.79") == 429) is turned_away
