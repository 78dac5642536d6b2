"""PayPal's side of the sandbox: the approval page, the token, once per key, its own certificate and bent webhooks."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sandbox.merchants import received, wait_until
from tests.sandbox_server import Json, RunningSandbox, SandboxTime, held_where_slow, running_sandbox
from tests.scripted_server import Received, Server

CLIENT, SECRET, WEBHOOK = "sunrise-client", "sunrise-client-secret", "1JE4291016473214C"
RETURN = "http://127.0.0.1:8000/pay/return?payment=7"
CANCEL = "http://127.0.0.1:8000/pay/cancelled"


class PayPalApp:
    """One REST app over plain HTTP."""

    def __init__(self, sandbox: RunningSandbox, webhook_url: str | None = None) -> None:
        self.sandbox = sandbox
        names = {"clientId": CLIENT, "clientSecret": SECRET, "webhookId": WEBHOOK}
        sandbox.account("paypal", **names, webhookUrl=webhook_url)
        self.token: str = self.login().json()["access_token"]

    def login(self, secret: str = SECRET) -> requests.Response:
        form = {"grant_type": "client_credentials"}
        return self.sandbox.request("POST", "/paypal/v1/oauth2/token", data=form, auth=(CLIENT, secret))

    def call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **({"PayPal-Request-Id": key} if key else {})}
        return self.sandbox.request(method, f"/paypal{path}", headers=headers, **options)

    def post(self, path: str, body: Json | None = None, key: str | None = None) -> requests.Response:
        return self.call("POST", path, json=body or {}, key=key)

    def order(self, value: str = "80.00", currency: str = "USD", intent: str = "CAPTURE", **unit: Any) -> Json:
        context = {"return_url": RETURN, "cancel_url": CANCEL, "brand_name": "Sunrise <Clinic>"}
        body = {
            "intent": intent,
            "purchase_units": [{"amount": {"currency_code": currency, "value": value}, **unit}],
            "payment_source": {"paypal": {"experience_context": context}},
        }
        response = self.post("/v2/checkout/orders", body)
        assert response.status_code == 201, response.text
        order: Json = response.json()
        return order

    def captured(self, value: str = "80.00") -> Json:
        """A capture of an order that was approved."""
        order_id = self.order(value)["id"]
        self.sandbox.pay(order_id, gateway="paypal", webhook=False)
        taken = self.post(f"/v2/checkout/orders/{order_id}/capture").json()
        capture: Json = taken["purchase_units"][0]["payments"]["captures"][0]
        return capture


@pytest.fixture
def shop(sandbox: RunningSandbox, clinic: Server) -> PayPalApp:
    return PayPalApp(sandbox, f"{clinic.url}/api/payments/paypal/webhook?clinicId=1")


def issue(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["details"][0]["issue"]


# --- the approval page


def page_of(order: Json) -> requests.Response:
    link = next(link["href"] for link in order["links"] if link["rel"] == "payer-action")
    return requests.get(link, timeout=60)


def press(sandbox: RunningSandbox, page: requests.Response, result: str) -> requests.Response:
    match = re.search(r'action="(/paypal/[^"]+/press)"', page.text)
    assert match, page.text
    return sandbox.request("POST", match[1], data={"result": result}, allow_redirects=False)


def test_the_page_shows_what_is_to_be_paid(shop: PayPalApp) -> None:
    page = page_of(shop.order("1234.50", description="Visit"))
    assert page.status_code == 200
    assert "$1,234.50" in page.text and "Visit" in page.text and "Sunrise &lt;Clinic&gt;" in page.text
    assert [word in page.text for word in (">Pay<", ">Fail<", ">Cancel<")] == [True] * 3
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    assert "¥1,250" in page_of(shop.order("1250", "JPY")).text


@pytest.mark.parametrize(
    ("button", "address", "status"),
    [("success", RETURN, "APPROVED"), ("failure", RETURN, "APPROVED"), ("cancel", CANCEL, "PAYER_ACTION_REQUIRED")],
)
def test_each_button_leads_back(shop: PayPalApp, button: str, address: str, status: str) -> None:
    order = shop.order()
    back = press(shop.sandbox, page_of(order), button)
    assert back.status_code == 303
    assert back.headers["Location"].startswith(address) and f"token={order['id']}" in back.headers["Location"]
    assert ("PayerID=" in back.headers["Location"]) is (button != "cancel")
    assert shop.call("GET", f"/v2/checkout/orders/{order['id']}").json()["status"] == status


def test_a_page_for_nothing_and_a_paid_order_offer_no_button(shop: PayPalApp) -> None:
    unknown = shop.sandbox.request("GET", "/paypal/checkoutnow?token=NOTHING")
    assert unknown.status_code == 400 and "This payment cannot be shown" in unknown.text
    capture = shop.captured()
    order_id = capture["supplementary_data"]["related_ids"]["order_id"]
    assert ">Pay<" not in shop.sandbox.request("GET", f"/paypal/checkoutnow?token={order_id}").text
    assert (
        shop.sandbox.request("POST", f"/_control/checkout/paypal/{order_id}", json={"result": "success"}).status_code
        == 409
    )


# --- who may call, and what is refused


def test_only_a_token_that_was_given_out_opens_the_api(shop: PayPalApp) -> None:
    wrong = shop.login("another-secret")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    for token in ("", "made-up"):
        shop.token = token
        assert shop.call("GET", "/v2/checkout/orders/X").status_code == 401


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ({"currency_code": "USD", "value": "10.505"}, (422, "DECIMAL_PRECISION")),
        ({"currency_code": "JPY", "value": "10.50"}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"currency_code": "HUF", "value": "10.5"}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"currency_code": "INR", "value": "10.50"}, (422, "CURRENCY_NOT_SUPPORTED")),
        ({"currency_code": "USD", "value": "0.00"}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"currency_code": "USD", "value": 10.5}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"currency_code": "USD", "value": "-1.00"}, (400, "INVALID_PARAMETER_SYNTAX")),
    ],
    ids=str,
)
def test_a_wrong_amount_is_refused_as_the_vendor_does(shop: PayPalApp, amount: Json, refusal: tuple[int, str]) -> None:
    assert (
        issue(shop.post("/v2/checkout/orders", {"intent": "CAPTURE", "purchase_units": [{"amount": amount}]}))
        == refusal
    )


def test_a_capture_needs_an_approval_the_right_intent_and_happens_once(shop: PayPalApp) -> None:
    order_id = shop.order(invoice_id="INV-1")["id"]
    path = f"/v2/checkout/orders/{order_id}"
    assert issue(shop.post(f"{path}/capture")) == (422, "ORDER_NOT_APPROVED")
    shop.sandbox.pay(order_id, gateway="paypal")
    assert issue(shop.post(f"{path}/authorize")) == (422, "ACTION_DOES_NOT_MATCH_INTENT")
    first, again = shop.post(f"{path}/capture", key="k1"), shop.post(f"{path}/capture", key="k1")
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    assert issue(shop.post(f"{path}/capture", key="k2")) == (422, "ORDER_ALREADY_CAPTURED")
    twin = shop.order(invoice_id="INV-1")["id"]
    shop.sandbox.pay(twin, gateway="paypal")
    assert issue(shop.post(f"/v2/checkout/orders/{twin}/capture")) == (422, "DUPLICATE_INVOICE_ID")


def test_a_refund_is_never_above_what_is_left(shop: PayPalApp) -> None:
    path = f"/v2/payments/captures/{shop.captured('80.00')['id']}/refund"
    assert issue(shop.post(path, {"amount": {"currency_code": "USD", "value": "80.01"}})) == (
        422,
        "REFUND_AMOUNT_EXCEEDED",
    )
    assert issue(shop.post(path, {"amount": {"currency_code": "EUR", "value": "1.00"}})) == (422, "CURRENCY_MISMATCH")
    part = shop.post(path, {"amount": {"currency_code": "USD", "value": "30.00"}}, key="r1").json()
    assert shop.post(path, {"amount": {"currency_code": "USD", "value": "30.00"}}, key="r1").json()["id"] == part["id"]
    assert shop.post(path).json()["amount"]["value"] == "50.00"
    assert issue(shop.post(path)) == (422, "CAPTURE_FULLY_REFUNDED")


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("start_date=2026-01-01T00:00:00Z&end_date=2026-03-01T00:00:00Z", "INVALID_DATE_RANGE"),
        ("start_date=2026-01-01&end_date=2026-01-02", "INVALID_DATE"),
        ("start_date=2026-01-01T00:00:00Z&end_date=2026-01-02T00:00:00Z&page_size=501", "INVALID_PAGE"),
    ],
)
def test_the_transaction_search_has_its_limits(shop: PayPalApp, query: str, refusal: str) -> None:
    assert issue(shop.call("GET", f"/v1/reporting/transactions?{query}")) == (400, refusal)


# --- webhooks and their certificate


def key_of(sandbox: RunningSandbox, call: Received) -> RSAPublicKey:
    """The key of the certificate that a webhook names; it hangs on the sandbox's root."""
    leaf = x509.load_pem_x509_certificate(requests.get(call.headers["paypal-cert-url"], timeout=60).content)
    root = x509.load_pem_x509_certificate(sandbox.paypal_root().encode())
    leaf.verify_directly_issued_by(root)
    key = leaf.public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def check(sandbox: RunningSandbox, call: Received) -> str:
    """The event of a webhook whose signature holds."""
    names = ("paypal-transmission-id", "paypal-transmission-time")
    message = "|".join([*(call.headers[name] for name in names), WEBHOOK, str(zlib.crc32(call.body))])
    signature = b64decode(call.headers["paypal-transmission-sig"])
    key_of(sandbox, call).verify(signature, message.encode(), PKCS1v15(), SHA256())
    event: str = json.loads(call.body)["event_type"]
    return event


def test_webhooks_are_signed_by_a_certificate_of_the_sandbox(shop: PayPalApp, clinic: Server) -> None:
    order_id = shop.order()["id"]
    shop.sandbox.pay(order_id, gateway="paypal")
    shop.post(f"/v2/checkout/orders/{order_id}/capture")
    assert [check(shop.sandbox, call) for call in received(clinic, 2)] == [
        "CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED",
    ]  # fmt: skip


def test_a_duplicate_has_the_same_event_id(shop: PayPalApp, clinic: Server) -> None:
    shop.sandbox.fault("paypal", "duplicate", copies=3)
    shop.sandbox.pay(shop.order()["id"], gateway="paypal")
    assert len({json.loads(call.body)["id"] for call in received(clinic, 3)}) == 1


def test_a_capture_is_told_before_it_is_answered(shop: PayPalApp, clinic: Server) -> None:
    """A slow answer: the webhook is there before the caller knows."""
    order_id = shop.order()["id"]
    shop.sandbox.pay(order_id, gateway="paypal", webhook=False)
    shop.sandbox.fault("paypal", "slow", operation="capture_order")
    headers = {"Authorization": f"Bearer {shop.token}"}
    path = f"/paypal/v2/checkout/orders/{order_id}/capture"
    with ThreadPoolExecutor(1) as caller, held_where_slow() as lag:
        answered = caller.submit(shop.sandbox.request, "POST", path, json={}, headers=headers)
        assert len(received(clinic, 1)) == 1
        assert not answered.done()
        lag.over.set()
        assert answered.result().ok


def test_a_late_webhook_comes_after_others(shop: PayPalApp, clinic: Server, sandbox_time: SandboxTime) -> None:
    shop.sandbox.fault("paypal", "late", seconds=30)
    first, second = shop.order()["id"], shop.order()["id"]
    shop.sandbox.pay(first, gateway="paypal")
    shop.sandbox.pay(second, gateway="paypal")
    received(clinic, 1)
    sandbox_time.passes(30)
    assert [json.loads(call.body)["resource"]["id"] for call in received(clinic, 2)] == [second, first]


def test_a_pending_capture_completes_by_itself(shop: PayPalApp, clinic: Server) -> None:
    shop.sandbox.fault("paypal", "capture_pending", seconds=0.1)
    capture = shop.captured()
    assert (capture["status"], capture["status_details"]["reason"]) == ("PENDING", "PENDING_REVIEW")
    events = [json.loads(call.body)["event_type"] for call in received(clinic, 2)]
    assert events == ["PAYMENT.CAPTURE.PENDING", "PAYMENT.CAPTURE.COMPLETED"]


def test_the_root_outlives_a_reset_and_a_restart(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        root = sandbox.paypal_root()
        sandbox.reset()
        assert sandbox.paypal_root() == root
    with running_sandbox(tmp_path) as sandbox:
        assert sandbox.paypal_root() == root


# --- what can be seen


def test_faults_spare_the_token_unless_they_name_it(shop: PayPalApp) -> None:
    shop.sandbox.fault("paypal", "500")
    assert shop.login().status_code == 200
    assert shop.call("GET", "/v2/checkout/orders/X").status_code == 500
    shop.sandbox.fault("paypal", "500", operation="issue_token")
    assert shop.login().status_code == 500


def test_secrets_and_tokens_are_not_in_the_call_log(shop: PayPalApp) -> None:
    shop.captured()
    log = json.dumps(shop.sandbox.calls("paypal"))
    assert SECRET not in log and shop.token not in log
    assert shop.sandbox.call_counts("paypal")["capture_order"] == 1


def test_the_money_page_shows_paypals_money(shop: PayPalApp) -> None:
    capture = shop.captured("1234.50")
    page = shop.sandbox.request("GET", "/money")
    assert page.status_code == 200 and capture["id"] in page.text and "$1,234.50" in page.text


def test_a_claim_that_is_accepted_is_lost(shop: PayPalApp, clinic: Server) -> None:
    capture = shop.captured()
    opened = shop.sandbox.post("/_control/disputes", {"provider": "paypal", "paymentId": capture["id"]})
    lost = shop.post(f"/v1/customer/disputes/{opened['dispute_id']}/accept-claim").json()
    assert (lost["status"], lost["dispute_outcome"]["outcome_code"]) == ("RESOLVED", "RESOLVED_BUYER_FAVOUR")
    wait_until(lambda: any(b"CUSTOMER.DISPUTE.RESOLVED" in call.body for call in clinic.received))
    listed = shop.call("GET", "/v1/customer/disputes").json()["items"]
    assert [item["dispute_id"] for item in listed] == [opened["dispute_id"]]
