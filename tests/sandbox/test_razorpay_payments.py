from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox.merchants import KEY_SECRET, WEBHOOK_SECRET, TestMerchant, events, received
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server


def test_success_captures_by_itself_and_announces_three_events(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    order = merchant.order(receipt="INV-1")
    outcome = sandbox.pay(order["id"])
    assert outcome["webhooks"] == ["payment.authorized", "payment.captured", "order.paid"]
    calls = received(clinic, 3)
    assert events(calls) == outcome["webhooks"]
    assert [call.path for call in calls] == ["/api/payments/razorpay/webhook?clinicId=1"] * 3
    statuses = [json.loads(call.body)["payload"]["payment"]["entity"]["status"] for call in calls]
    assert statuses == ["authorized", "captured", "captured"]
    assert json.loads(calls[2].body)["payload"]["order"]["entity"]["amount_paid"] == 80_000
    assert len({call.headers["x-razorpay-event-id"] for call in calls}) == 3


def test_webhooks_verify_with_the_vendors_sdk_over_raw_bytes_only(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    sandbox.pay(merchant.order(notes={"page": "a/b"})["id"])
    call = received(clinic, 1)[0]
    signature, text = call.headers["x-razorpay-signature"], call.body.decode()
    assert merchant.sdk.utility.verify_webhook_signature(text, signature, WEBHOOK_SECRET)
    with pytest.raises(Exception, match="Signature Verification Failed"):
        merchant.sdk.utility.verify_webhook_signature(json.dumps(json.loads(text)), signature, WEBHOOK_SECRET)


def test_a_captured_payment_has_fee_and_tax(merchant: TestMerchant) -> None:
    payment = merchant.payment(merchant.paid(100_000))
    assert (payment["status"], payment["captured"], payment["fee"], payment["tax"]) == ("captured", True, 2360, 360)


def test_failure_leaves_the_order_open_for_another_try(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    order = merchant.order()
    failed = sandbox.pay(order["id"], "failure")
    assert (failed["status"], failed["signature"], failed["webhooks"]) == ("failed", None, ["payment.failed"])
    assert merchant.payment(failed["paymentId"])["error_reason"] == "payment_failed"
    assert merchant.call("GET", f"/orders/{order['id']}").json()["status"] == "attempted"
    assert sandbox.pay(order["id"])["status"] == "captured"
    after = merchant.call("GET", f"/orders/{order['id']}").json()
    assert (after["status"], after["attempts"], after["amount_due"]) == ("paid", 2, 0)
    assert events(received(clinic, 4))[0] == "payment.failed"


def test_the_webhook_can_be_held_back(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    outcome = sandbox.pay(merchant.order()["id"], webhook=False)
    assert (outcome["status"], outcome["webhooks"], sandbox.webhooks()) == ("captured", [], [])


def test_a_paid_order_takes_no_second_payment(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    with ThreadPoolExecutor(8) as threads:
        path = f"/_control/checkout/razorpay/{order['id']}"
        answers = list(threads.map(lambda _: sandbox.request("POST", path, json={"result": "success"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert merchant.call("GET", f"/orders/{order['id']}/payments").json()["count"] == 1


def _manual(merchant: TestMerchant, sandbox: RunningSandbox) -> str:
    order = merchant.order(payment={"capture": "manual", "capture_options": {"manual_expiry_period": 7200}})
    payment_id: str = sandbox.pay(order["id"])["paymentId"]
    return payment_id


def _capture(merchant: TestMerchant, payment_id: str, amount: int = 80_000, currency: str = "INR") -> requests.Response:
    return merchant.call("POST", f"/payments/{payment_id}/capture", json={"amount": amount, "currency": currency})


def test_manual_capture_takes_exactly_the_order_amount_once(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    payment_id = _manual(merchant, sandbox)
    assert _capture(merchant, payment_id, 79_999).json()["error"]["field"] == "amount"
    assert _capture(merchant, payment_id, currency="USD").json()["error"]["field"] == "currency"
    assert merchant.payment(payment_id)["status"] == "authorized"
    assert _capture(merchant, payment_id).json()["status"] == "captured"
    again = _capture(merchant, payment_id)
    assert again.json()["error"]["description"] == "This payment has already been captured"
    assert events(received(clinic, 3)) == ["payment.authorized", "payment.captured", "order.paid"]


def test_a_failed_payment_cannot_be_captured(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    failed = sandbox.pay(merchant.order()["id"], "failure")["paymentId"]
    assert _capture(merchant, failed).json()["error"]["reason"] == "capture_failed"


def test_a_failed_payment_may_still_succeed_late(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    failed = sandbox.pay(order["id"], "failure")["paymentId"]
    late = sandbox.pay(order["id"], "late_success")
    assert (late["paymentId"], late["status"]) == (failed, "captured")
    assert merchant.payment(failed)["error_code"] is None


def test_a_late_success_on_a_paid_order_goes_back(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    order = merchant.order()
    failed = sandbox.pay(order["id"], "failure")["paymentId"]
    sandbox.pay(order["id"])
    late = sandbox.pay(order["id"], "late_success")
    payment = merchant.payment(failed)
    assert (late["status"], payment["captured"], payment["refund_status"]) == ("refunded", False, "full")
    calls = received(clinic, 7)
    assert events(calls)[4:] == ["payment.authorized", "refund.created", "refund.processed"]
    assert json.loads(calls[5].body)["payload"]["payment"]["entity"]["captured"] is False


def test_an_uncaptured_payment_is_given_back(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    payment_id = _manual(merchant, sandbox)
    order_id = merchant.payment(payment_id)["order_id"]
    assert sandbox.pay(order_id, "expire")["status"] == "refunded"
    assert _capture(merchant, payment_id).status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("razorpay/order_unknown", {"result": "success"}, 404),
        ("nogateway/order_unknown", {"result": "success"}, 404),
    ],
)
def test_an_unknown_checkout_is_404(sandbox: RunningSandbox, path: str, body: dict[str, str], status: int) -> None:
    assert sandbox.request("POST", f"/_control/checkout/{path}", json=body).status_code == status


def test_an_unknown_result_changes_nothing(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    path = f"/_control/checkout/razorpay/{order['id']}"
    assert sandbox.request("POST", path, json={"result": "maybe"}).status_code == 400
    assert sandbox.request("POST", path, data="not json").status_code == 400
    assert merchant.call("GET", f"/orders/{order['id']}").json() == order


def test_the_callback_fields_are_signed_with_the_key_secret(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    outcome = sandbox.pay(merchant.order()["id"])
    merchant.sdk.utility.verify_payment_signature(outcome["callback"])
    assert outcome["signature"] == outcome["callback"]["razorpay_signature"] != KEY_SECRET
