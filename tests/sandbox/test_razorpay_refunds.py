from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.merchants import TestMerchant, events, received
from tests.sandbox_server import ANSWER_SECONDS, RunningSandbox, held_where_slow
from tests.scripted_server import Server

KEY = "refund-0001"


def test_parts_add_up_to_the_whole_and_no_further(merchant: TestMerchant, clinic: Server) -> None:
    payment_id = merchant.paid(80_000)
    first = merchant.refund(payment_id, amount=30_000, receipt="R-1", notes={"why": "part"}).json()
    assert (first["status"], first["receipt"], first["speed_requested"]) == ("processed", "R-1", "normal")
    assert merchant.payment(payment_id)["refund_status"] == "partial"
    above = merchant.refund(payment_id, amount=50_001)
    assert (above.status_code, above.json()["error"]["field"]) == (400, "amount")
    rest = merchant.refund(payment_id).json()
    payment = merchant.payment(payment_id)
    assert (rest["amount"], payment["status"], payment["amount_refunded"]) == (50_000, "refunded", 80_000)
    assert merchant.refund(payment_id, amount=100).status_code == 400
    assert events(received(clinic, 7))[3:5] == ["refund.created", "refund.processed"]


def test_refunds_are_listed_and_fetched(merchant: TestMerchant) -> None:
    payment_id = merchant.paid()
    made = [merchant.refund(payment_id, amount=100 + place).json() for place in range(3)]
    listed = merchant.call("GET", f"/payments/{payment_id}/refunds?count=2&skip=1").json()
    assert [item["id"] for item in listed["items"]] == [made[1]["id"], made[0]["id"]]
    assert merchant.call("GET", f"/payments/{payment_id}/refunds/{made[0]['id']}").json() == made[0]
    assert merchant.call("GET", f"/payments/pay_other/refunds/{made[0]['id']}").status_code == 400
    assert merchant.call("GET", "/refunds").json()["count"] == 3


def test_only_captured_money_can_be_refunded(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    failed = sandbox.pay(merchant.order()["id"], "failure")["paymentId"]
    response = merchant.refund(failed)
    assert "should be captured" in response.json()["error"]["description"]
    assert merchant.refund("pay_unknown").status_code == 400


@pytest.mark.parametrize("body", [{"amount": 99}, {"amount": 1.5}, {"speed": "warp"}, {"receipt": "x" * 41}])
def test_a_wrong_refund_changes_nothing(merchant: TestMerchant, body: dict[str, object]) -> None:
    payment_id = merchant.paid()
    assert merchant.refund(payment_id, **body).status_code == 400
    assert merchant.payment(payment_id)["amount_refunded"] == 0


def test_the_same_key_answers_the_same_refund(merchant: TestMerchant) -> None:
    payment_id = merchant.paid()
    first, second = (merchant.refund(payment_id, KEY, amount=10_000).json() for _ in range(2))
    assert first == second
    assert merchant.payment(payment_id)["amount_refunded"] == 10_000


def test_the_same_key_with_another_body_is_refused(merchant: TestMerchant) -> None:
    payment_id, other = merchant.paid(), merchant.paid()
    merchant.refund(payment_id, KEY, amount=10_000)
    changed, elsewhere = merchant.refund(payment_id, KEY, amount=10_001), merchant.refund(other, KEY, amount=10_000)
    assert (changed.status_code, elsewhere.status_code) == (400, 400)
    assert changed.json()["error"]["reason"] == "duplicate_request"
    assert merchant.payment(payment_id)["amount_refunded"] == 10_000


@pytest.mark.parametrize("key", ["short", "with space 1", "ünïcode-key-1".encode()])
def test_a_malformed_key_is_refused(merchant: TestMerchant, key: str) -> None:
    assert merchant.refund(merchant.paid(), key, amount=100).status_code == 400


def test_a_refused_refund_does_not_use_up_its_key(merchant: TestMerchant) -> None:
    payment_id = merchant.paid(80_000)
    assert merchant.refund(payment_id, KEY, amount=80_001).status_code == 400
    assert merchant.refund(payment_id, KEY, amount=80_000).status_code == 200


def test_a_key_in_use_is_409_and_may_be_tried_again(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    payment_id = merchant.paid()
    sandbox.fault("razorpay", "slow", operation="refund_payment")
    with ThreadPoolExecutor(1) as other, held_where_slow() as lag:
        slow = other.submit(merchant.refund, payment_id, KEY, amount=10_000)
        assert lag.hit.wait(ANSWER_SECONDS)
        assert merchant.refund(payment_id, KEY, amount=10_000).status_code == 409
        lag.over.set()
        first = slow.result().json()
    assert merchant.refund(payment_id, KEY, amount=10_000).json()["id"] == first["id"]


def test_ten_at_once_with_one_key_pay_once(merchant: TestMerchant) -> None:
    payment_id = merchant.paid()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: merchant.refund(payment_id, KEY, amount=10_000), range(10)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert merchant.call("GET", f"/payments/{payment_id}/refunds").json()["count"] == 1


def test_ten_at_once_without_keys_never_exceed_the_payment(merchant: TestMerchant) -> None:
    payment_id = merchant.paid(80_000)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: merchant.refund(payment_id, amount=30_000), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, *[400] * 8]
    assert merchant.payment(payment_id)["amount_refunded"] == 60_000


@pytest.mark.parametrize(
    ("fault", "ended", "refunded"), [("refund_pending", "processed", 10_000), ("refund_failed", "failed", 0)]
)
def test_a_refund_can_take_its_time(  # noqa: PLR0913, PLR0917
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server, fault: str, ended: str, refunded: int
) -> None:
    payment_id = merchant.paid()
    sandbox.fault("razorpay", fault, seconds=0.2)
    refund = merchant.refund(payment_id, amount=10_000).json()
    assert refund["status"] == "pending"
    calls = received(clinic, 5)
    assert events(calls)[3:] == ["refund.created", f"refund.{ended}"]
    assert merchant.call("GET", f"/refunds/{refund['id']}").json()["status"] == ended
    assert merchant.payment(payment_id)["amount_refunded"] == refunded
    assert json.loads(calls[4].body)["payload"]["refund"]["entity"]["status"] == ended


def test_a_slow_account_settles_by_hand(sandbox: RunningSandbox) -> None:
    merchant = TestMerchant(sandbox, refundSeconds=3600)
    refund = merchant.refund(merchant.paid()).json()
    assert refund["status"] == "pending"
    settled = sandbox.post(f"/_control/refunds/razorpay/{refund['id']}", {"status": "processed"})
    assert (settled["status"], bool(settled["acquirer_data"]["arn"])) == ("processed", True)
    again = sandbox.post(f"/_control/refunds/razorpay/{refund['id']}", {"status": "failed"})
    assert again["status"] == "processed"
    assert sandbox.request("POST", "/_control/refunds/razorpay/rfnd_none").status_code == 404
