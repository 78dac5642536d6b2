from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.merchants import KEY_ID, KEY_SECRET, TestMerchant, events, received
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Server

CALLBACK = "http://127.0.0.1:8000/pay/return?payment=7"
CANCEL = "http://127.0.0.1:8000/pay/cancelled"


def _open(sandbox: RunningSandbox, order: Json, **fields: str) -> requests.Response:
    form = {
        "key_id": KEY_ID, "order_id": order["id"], "name": "Sunrise <Clinic>", "description": "Visit",
        "prefill[name]": "Kavya Nair", "prefill[email]": "kavya@example.com", "prefill[contact]": "+919876543210",
        "callback_url": CALLBACK, "cancel_url": CANCEL,
    }  # fmt: skip
    headers = {"Origin": "http://127.0.0.1:8000"}
    return sandbox.request("POST", "/razorpay/v1/checkout/embedded", data={**form, **fields}, headers=headers)


def _press(sandbox: RunningSandbox, page: requests.Response, result: str) -> requests.Response:
    match = re.search(r'action="(/razorpay/[^"]+/press)"', page.text)
    assert match, page.text
    form = {"result": result, "method": "card"}
    return sandbox.request("POST", match[1], data=form, allow_redirects=False)


def _handover(page: requests.Response) -> tuple[str, dict[str, str]]:
    action = re.search(r'action="([^"]+)" data-handover', page.text)
    assert action, page.text
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', page.text)
    return unescape(action[1]), {unescape(name): unescape(value) for name, value in fields}


def test_the_page_shows_what_is_to_be_paid(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    page = _open(sandbox, merchant.order(123_450, receipt="INV-9"))
    assert page.status_code == 200
    assert "₹1,234.50" in page.text and "INV-9" in page.text and "Sunrise &lt;Clinic&gt;" in page.text
    assert [word in page.text for word in (">Pay<", ">Fail<", ">Cancel<")] == [True] * 3
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]


def test_paying_hands_the_signed_fields_to_the_callback(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    order = merchant.order()
    address, fields = _handover(_press(sandbox, _open(sandbox, order), "success"))
    assert address == CALLBACK
    assert merchant.sdk.utility.verify_payment_signature(fields)
    payment = merchant.payment(fields["razorpay_payment_id"])
    assert (payment["status"], payment["method"], payment["email"]) == ("captured", "card", "kavya@example.com")
    assert len(received(clinic, 3)) == 3


def test_failing_hands_over_the_error(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    order = merchant.order()
    address, fields = _handover(_press(sandbox, _open(sandbox, order), "failure"))
    assert (address, fields["error[code]"], fields["error[reason]"]) == (
        CALLBACK,
        "BAD_REQUEST_ERROR",
        "payment_failed",
    )
    assert order["id"] in fields["error[metadata]"]
    assert events(received(clinic, 1)) == ["payment.failed"]


def test_cancelling_leads_to_the_cancel_url_and_charges_nothing(
    merchant: TestMerchant, sandbox: RunningSandbox
) -> None:
    order = merchant.order()
    answer = _press(sandbox, _open(sandbox, order), "cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, CANCEL)
    assert merchant.call("GET", f"/orders/{order['id']}").json() == order


def test_the_page_without_a_cancel_url_has_no_cancel_button(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    assert ">Cancel<" not in _open(sandbox, merchant.order(), cancel_url="").text


def test_pressing_twice_pays_once(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    page = _open(sandbox, order)
    assert _press(sandbox, page, "success").status_code == 200
    assert _press(sandbox, page, "success").status_code == 400
    assert "paid already" in _open(sandbox, order).text
    assert merchant.call("GET", f"/orders/{order['id']}/payments").json()["count"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"key_id": "rzp_test_nobody"},
        {"order_id": "order_unknown"},
        {"amount": "1"},
        {"currency": "USD"},
        {"callback_url": "javascript:alert(1)"},
        {"callback_url": ""},
        {"cancel_url": "nowhere"},
    ],
)
def test_a_wrong_form_shows_no_payment_page(
    merchant: TestMerchant, sandbox: RunningSandbox, fields: dict[str, str]
) -> None:
    page = _open(sandbox, merchant.order(), **fields)
    assert (page.status_code, 'role="alert"' in page.text, ">Pay<" in page.text) == (400, True, False)


def test_control_knows_the_callback_of_the_open_page(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order()
    _open(sandbox, order)
    outcome = sandbox.pay(order["id"])
    assert outcome["callbackUrl"] == CALLBACK
    assert merchant.payment(outcome["paymentId"])["contact"] == "+919876543210"


def _link(merchant: TestMerchant, **fields: object) -> Json:
    link: Json = merchant.sdk.payment_link.create(
        {"amount": 50_000, "currency": "INR", "description": "Visit", **fields}
    )
    return link


def test_a_payment_link_is_paid_on_its_own_page(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    link = _link(merchant, reference_id="INV-3", callback_url=CALLBACK, callback_method="get")
    page = requests.get(link["short_url"], timeout=60)
    assert "₹500.00" in page.text
    assert "payment failed" in _press(sandbox, page, "failure").text
    location = _press(sandbox, page, "success").headers["Location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    fields = {
        name.removeprefix("razorpay_"): value
        for name, value in query.items()
        if name.startswith("razorpay_payment_link")
    }
    given = {
        **fields,
        "razorpay_payment_id": query["razorpay_payment_id"],
        "razorpay_signature": query["razorpay_signature"],
    }
    assert merchant.sdk.utility.verify_payment_link_signature(given)
    paid = merchant.sdk.payment_link.fetch(link["id"])
    assert (paid["status"], paid["amount_paid"], paid["payments"][0]["payment_id"]) == (
        "paid", 50_000, query["razorpay_payment_id"],
    )  # fmt: skip
    assert "payment_link.paid" in events(received(clinic, 5))
    assert ">Pay<" not in requests.get(link["short_url"], timeout=60).text


def test_a_payment_link_can_be_cancelled_while_unpaid(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    link, paid = _link(merchant), _link(merchant)
    assert sandbox.pay(paid["id"])["status"] == "captured"
    assert merchant.sdk.payment_link.cancel(link["id"])["status"] == "cancelled"
    assert merchant.call("POST", f"/payment_links/{paid['id']}/cancel").status_code == 400
    assert merchant.call("POST", f"/payment_links/{link['id']}/cancel").status_code == 400
    assert "payment_link.cancelled" in events(received(clinic, 5))


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 10},
        {"accept_partial": True},
        {"expire_by": 1},
        {"callback_url": CALLBACK},
        {"reference_id": "x" * 41},
    ],
)
def test_a_wrong_payment_link_is_refused(merchant: TestMerchant, fields: dict[str, object]) -> None:
    assert merchant.call("POST", "/payment_links", json={"amount": 1000, **fields}).status_code == 400


def test_a_reference_names_one_payment_link(merchant: TestMerchant) -> None:
    link = _link(merchant, reference_id="INV-4")
    assert merchant.call("POST", "/payment_links", json={"amount": 1000, "reference_id": "INV-4"}).status_code == 400
    found = merchant.call("GET", "/payment_links?reference_id=INV-4").json()["payment_links"]
    assert [item["id"] for item in found] == [link["id"]]


def test_secrets_never_reach_a_page(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    page = _press(sandbox, _open(sandbox, merchant.order()), "success")
    assert KEY_SECRET not in page.text
