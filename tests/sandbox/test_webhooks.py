from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.sandbox.merchants import KEY_ID, WEBHOOK_SECRET, TestMerchant, events, received, wait_until
from tests.sandbox_server import RunningSandbox, SandboxTime, running_sandbox
from tests.scripted_server import RefusingPort, Server, answer, silence

THREE = ["payment.authorized", "payment.captured", "order.paid"]


def test_what_is_refused_comes_again_with_the_same_bytes(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    clinic.will(answer(500), answer(302, None, Location="/elsewhere"), answer(200))
    sandbox.pay(merchant.order()["id"], "failure")
    calls = received(clinic, 3)
    assert len({(call.body, call.headers["x-razorpay-event-id"]) for call in calls}) == 1
    wait_until(lambda: sandbox.webhooks()[0]["status"] == "delivered")
    delivery = sandbox.webhooks()[0]
    assert (delivery["attempts"], delivery["answer"], delivery["event"]) == (3, 200, "payment.failed")


def test_retries_end_and_can_be_resent(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    clinic.will(answer(503))
    sandbox.pay(merchant.order()["id"], "failure")
    wait_until(lambda: sandbox.webhooks()[0]["status"] == "failed")
    assert sandbox.webhooks()[0]["attempts"] == 5
    clinic.will(answer(204))
    delivery = sandbox.webhooks()[0]
    assert sandbox.request("POST", f"/_control/webhooks/{delivery['id']}/resend").status_code == 202
    wait_until(lambda: sandbox.webhooks()[0]["status"] == "delivered")
    assert sandbox.request("POST", "/_control/webhooks/dlv_none/resend").status_code == 404


def test_no_answer_in_time_counts_as_refused(clinic: Server) -> None:
    with running_sandbox(webhook_timeout=3) as sandbox:
        clinic.will(silence, answer(200))
        sandbox.pay(TestMerchant(sandbox, webhook_url=clinic.url).order()["id"], "failure")
        wait_until(lambda: sandbox.webhooks()[0]["status"] == "delivered")
        assert sandbox.webhooks()[0]["attempts"] == 2


def test_an_address_where_nobody_listens_is_tried_until_the_end(sandbox: RunningSandbox) -> None:
    merchant = TestMerchant(sandbox, webhook_url=RefusingPort().url)
    sandbox.pay(merchant.order()["id"], "failure")
    wait_until(lambda: sandbox.webhooks()[0]["status"] == "failed")
    assert sandbox.webhooks()[0]["error"] == "ConnectionError"


def test_a_hanging_address_delays_neither_calls_nor_other_orders(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    clinic.will(silence, answer(200))
    sandbox.pay(merchant.order()["id"], "failure")
    received(clinic, 1)
    sandbox.pay(merchant.order()["id"])
    assert events(received(clinic, 4))[1:] == THREE


def test_without_an_address_the_event_is_only_listed(sandbox: RunningSandbox) -> None:
    sandbox.pay(TestMerchant(sandbox).order()["id"])
    assert [item["status"] for item in sandbox.webhooks()] == ["skipped"] * 3


def test_duplicate_repeats_the_same_event_id(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    sandbox.fault("razorpay", "duplicate", copies=10, operation="payment.captured")
    sandbox.pay(merchant.order()["id"])
    calls = received(clinic, 12)
    assert events(calls) == ["payment.authorized", *["payment.captured"] * 10, "order.paid"]
    assert len({call.headers["x-razorpay-event-id"] for call in calls}) == 3


def test_duplicate_of_everything_doubles_the_batch(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    sandbox.fault("razorpay", "duplicate")
    sandbox.pay(merchant.order()["id"])
    assert events(received(clinic, 6)) == [event for event in THREE for _ in range(2)]


def test_out_of_order_turns_the_batch_round(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    sandbox.fault("razorpay", "out_of_order")
    sandbox.pay(merchant.order()["id"])
    assert events(received(clinic, 3)) == THREE[::-1]


def test_one_event_can_be_overtaken(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server, sandbox_time: SandboxTime
) -> None:
    sandbox.fault("razorpay", "out_of_order", operation="payment.captured", seconds=30)
    sandbox.pay(merchant.order()["id"])
    assert events(received(clinic, 2)) == ["payment.authorized", "order.paid"]
    sandbox_time.passes(30)
    assert events(received(clinic, 3)) == ["payment.authorized", "order.paid", "payment.captured"]


def test_late_comes_after_what_happens_next(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server, sandbox_time: SandboxTime
) -> None:
    sandbox.fault("razorpay", "late", seconds=30)
    payment_id = merchant.paid()
    merchant.refund(payment_id)
    assert events(received(clinic, 2)) == ["refund.created", "refund.processed"]
    sandbox_time.passes(30)
    assert events(received(clinic, 5)) == ["refund.created", "refund.processed", *THREE]


def test_any_body_can_be_sent_rightly_signed(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    body = {"entity": "event", "event": "order.paid", "payload": {"order": {"entity": {"id": "order_unknown"}}}}
    sandbox.post(
        "/_control/webhooks", {"provider": "razorpay", "account": KEY_ID, "body": body, "copies": 2, "eventId": "e1"}
    )
    calls = received(clinic, 2)
    expected = hmac.new(WEBHOOK_SECRET.encode(), calls[0].body, hashlib.sha256).hexdigest()
    assert [call.headers["x-razorpay-signature"] for call in calls] == [expected] * 2
    assert (json.loads(calls[0].body), calls[1].headers["x-razorpay-event-id"]) == (body, "e1")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"provider": "razorpay", "account": "rzp_test_none", "body": {}}, 404),
        ({"provider": "razorpay", "account": KEY_ID, "body": 7}, 400),
        ({"provider": "nobody", "account": KEY_ID, "body": {}}, 400),
        ({"provider": "razorpay", "account": KEY_ID, "body": {}, "copies": "many"}, 400),
    ],
)
def test_a_wrong_custom_webhook_is_refused(
    merchant: TestMerchant, sandbox: RunningSandbox, body: dict[str, object], status: int
) -> None:
    assert sandbox.request("POST", "/_control/webhooks", json=body).status_code == status
    assert sandbox.webhooks() == []


def test_a_hundred_payments_announce_all_their_events(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    for _ in range(100):
        sandbox.pay(merchant.order()["id"])
    wait_until(lambda: len(clinic.received) == 300)
    assert len({call.headers["x-razorpay-event-id"] for call in clinic.received}) == 300
