from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import razorpay

from tests.sandbox.merchants import KEY_ID, TestMerchant
from tests.sandbox_server import RunningSandbox


def test_an_order_has_the_vendors_shape(merchant: TestMerchant) -> None:
    order = merchant.order(80_050, receipt="INV-1", notes={"invoice": "1"})
    assert order["id"].startswith("order_") and len(order["id"]) == 20
    assert (order["amount"], order["amount_paid"], order["amount_due"]) == (80_050, 0, 80_050)
    assert (order["entity"], order["status"], order["attempts"]) == ("order", "created", 0)
    assert (order["receipt"], order["notes"]) == ("INV-1", {"invoice": "1"})
    assert merchant.call("GET", f"/orders/{order['id']}").json() == order


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"amount": 99}, "amount", "amount_less_than_minimum_amount"),
        ({"amount": -100}, "amount", "amount_less_than_minimum_amount"),
        ({"amount": 100.5}, "amount", "input_validation_failed"),
        ({"amount": "100"}, "amount", "input_validation_failed"),
        ({"amount": True}, "amount", "input_validation_failed"),
        ({"amount": None}, "amount", "input_validation_failed"),
        ({"currency": "inr"}, "currency", "input_validation_failed"),
        ({"currency": None}, "currency", "input_validation_failed"),
        ({"currency": "KWD", "amount": 1001}, "amount", "input_validation_failed"),
        ({"receipt": "x" * 41}, "receipt", "input_validation_failed"),
        ({"notes": {str(n): "x" for n in range(16)}}, "notes", "input_validation_failed"),
        ({"notes": {"a": "x" * 257}}, "notes", "input_validation_failed"),
        ({"partial_payment": True}, "partial_payment", "input_validation_failed"),
        ({"payment": {"capture": "later"}}, "payment.capture", "input_validation_failed"),
    ],
)
def test_a_wrong_order_is_refused_in_the_vendors_shape(
    merchant: TestMerchant, body: dict[str, Any], field: str, reason: str
) -> None:
    response = merchant.call("POST", "/orders", json={"amount": 1000, "currency": "INR", **body})
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["field"], error["reason"]) == ("BAD_REQUEST_ERROR", field, reason)
    assert error["description"] and error["metadata"] == {}
    assert merchant.call("GET", "/orders").json()["count"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"automatic_expiry_period": None},
        {"automatic_expiry_period": 11},
        {"automatic_expiry_period": 12, "manual_expiry_period": 7201},
    ],
)
def test_capture_options_have_limits(merchant: TestMerchant, options: dict[str, Any]) -> None:
    payment = {"capture": "automatic", "capture_options": options}
    response = merchant.call("POST", "/orders", json={"amount": 1000, "currency": "INR", "payment": payment})
    assert response.status_code == 400


def test_three_decimals_pass_when_the_last_is_zero(merchant: TestMerchant) -> None:
    assert merchant.order(1230, currency="KWD")["amount"] == 1230


def test_a_field_that_the_vendor_does_not_know_is_refused(merchant: TestMerchant) -> None:
    response = merchant.call("POST", "/orders", json={"amount": 1000, "currency": "INR", "colour": "red"})
    assert response.json()["error"]["description"] == "colour is/are not required and should not be sent"


def test_malformed_json_is_refused(merchant: TestMerchant) -> None:
    headers = {"Content-Type": "application/json"}
    assert merchant.call("POST", "/orders", data="{nonsense", headers=headers).status_code == 400


def test_orders_are_found_by_receipt_newest_first(merchant: TestMerchant) -> None:
    for receipt in ("a", "b", "a"):
        merchant.order(receipt=receipt)
    found = merchant.call("GET", "/orders", params={"receipt": "a"}).json()
    assert (found["entity"], found["count"]) == ("collection", 2)
    assert merchant.call("GET", "/orders", params={"count": 1}).json()["items"][0]["id"] == found["items"][0]["id"]


@pytest.mark.parametrize("count", ["0", "101", "many"])
def test_a_page_has_one_to_a_hundred_items(merchant: TestMerchant, count: str) -> None:
    assert merchant.call("GET", "/orders", params={"count": count}).status_code == 400


def test_orders_filter_by_authorised_money(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    paid, unpaid = merchant.order(), merchant.order()
    sandbox.pay(paid["id"])
    assert [order["id"] for order in merchant.call("GET", "/orders?authorized=1").json()["items"]] == [paid["id"]]
    assert [order["id"] for order in merchant.call("GET", "/orders?authorized=0").json()["items"]] == [unpaid["id"]]


def test_an_unknown_key_and_a_wrong_secret_are_401(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    unknown = sandbox.request("GET", "/razorpay/v1/orders", auth=("rzp_test_Nobody", "x"))
    wrong = sandbox.request("GET", "/razorpay/v1/orders", auth=(KEY_ID, "wrong"))
    missing = sandbox.request("GET", "/razorpay/v1/orders")
    lower = sandbox.request("GET", "/razorpay/v1/orders", headers={"Authorization": "basic cnpwOng="})
    assert [answer.status_code for answer in (unknown, wrong, missing, lower)] == [401] * 4
    assert wrong.json()["error"]["description"] == "Authentication failed"
    with pytest.raises(razorpay.errors.BadRequestError, match="Authentication failed"):
        razorpay.Client(auth=(KEY_ID, "wrong"), base_url=sandbox.razorpay_url).order.all()


def test_another_accounts_order_does_not_exist(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    sandbox.account("razorpay", keyId="rzp_test_Lakeside1", keySecret="lake")
    foreign = sandbox.request("GET", f"/razorpay/v1/orders/{order['id']}", auth=("rzp_test_Lakeside1", "lake"))
    assert (foreign.status_code, foreign.json()["error"]["description"]) == (400, "The id provided does not exist")


def test_an_unknown_address_is_404_in_the_vendors_shape(merchant: TestMerchant) -> None:
    response = merchant.call("POST", "/teapots")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "BAD_REQUEST_ERROR")


def test_twenty_threads_create_orders_that_are_all_kept(merchant: TestMerchant) -> None:
    with ThreadPoolExecutor(20) as threads:
        created = list(threads.map(lambda place: merchant.order(1000 + place)["id"], range(100)))
    listed = merchant.call("GET", "/orders?count=100").json()
    assert len(set(created)) == 100
    assert {order["id"] for order in listed["items"]} == set(created)


def test_the_vendors_sdk_walks_from_order_to_refund(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sdk = merchant.sdk
    order = sdk.order.create({"amount": 50_000, "currency": "INR", "receipt": "INV-7", "payment_capture": 0})
    outcome = sandbox.pay(order["id"])
    assert sdk.utility.verify_payment_signature(outcome["callback"])
    assert sdk.payment.fetch(outcome["paymentId"])["status"] == "authorized"
    captured = sdk.payment.capture(outcome["paymentId"], 50_000, {"currency": "INR"})
    assert (captured["status"], sdk.order.fetch(order["id"])["status"]) == ("captured", "paid")
    refund = sdk.payment.refund(outcome["paymentId"], {"amount": 20_000})
    assert sdk.refund.fetch(refund["id"])["amount"] == 20_000
    assert sdk.order.payments(order["id"])["items"][0]["refund_status"] == "partial"
    assert sdk.order.edit(order["id"], {"notes": {"desk": "1"}})["notes"] == {"desk": "1"}
