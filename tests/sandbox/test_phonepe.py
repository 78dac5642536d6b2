"""The simulated PhonePe: what it takes and refuses, and how it signs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from app.sandbox.simulators.phonepe.signatures import body_hmac, user_hash, x_verify
from tests.sandbox.merchants import events, received, wait_until
from tests.sandbox_server import Json, RunningSandbox, SandboxTime
from tests.scripted_server import Server, answer, scripted_server

RETURN = "http://127.0.0.1:8000/pay/return/7"
KEYS = {"clientId": "SANDBOX_1", "clientSecret": "sunrise-client-secret"}


class Merchant:
    """One PhonePe account over plain HTTP."""

    def __init__(self, sandbox: RunningSandbox, webhook_url: str | None = None, **account: Any) -> None:
        self.sandbox = sandbox
        sandbox.account("phonepe", **KEYS, webhookUrl=webhook_url, **{"refundSeconds": 3600, **account})
        self.token = self.ask_token().json()["access_token"]

    def ask_token(self, **changes: str) -> requests.Response:
        form = {"client_id": KEYS["clientId"], "client_secret": KEYS["clientSecret"], "client_version": "1"}
        form |= {"grant_type": "client_credentials", **changes}
        return self.sandbox.request("POST", "/phonepe/v1/oauth/token", data=form)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"O-Bearer {self.token}"}
        return self.sandbox.request(method, f"/phonepe{path}", headers=headers, **options)

    def create(self, order_id: str = "MT1", **changes: Any) -> requests.Response:
        flow = {"type": "PG_CHECKOUT", "message": "Visit <1>", "merchantUrls": {"redirectUrl": RETURN}}
        body = {"merchantOrderId": order_id, "amount": 80_000, "paymentFlow": flow, **changes}
        return self.call("POST", "/checkout/v2/pay", json=body)

    def status(self, order_id: str = "MT1", details: str = "true") -> Json:
        answered: Json = self.call("GET", f"/checkout/v2/order/{order_id}/status", params={"details": details}).json()
        return answered

    def press(self, result: str = "success", order_id: str = "MT1", **options: Any) -> Json:
        return self.sandbox.pay(order_id, result, gateway="phonepe", **options)

    def refund(self, refund_id: str = "RF1", amount: int = 30_000, order_id: str = "MT1") -> requests.Response:
        body = {"merchantRefundId": refund_id, "originalMerchantOrderId": order_id, "amount": amount}
        return self.call("POST", "/payments/v2/refund", json=body)


@pytest.fixture
def phonepe(sandbox: RunningSandbox, clinic: Server) -> Merchant:
    return Merchant(sandbox, clinic.url, hmacSecret="hook")


# --- tokens


def test_only_the_right_client_gets_a_token(phonepe: Merchant) -> None:
    given = phonepe.ask_token().json()
    assert (given["token_type"], given["expires_at"] - given["issued_at"]) == ("O-Bearer", 3600)
    for wrong in ({"client_secret": "x"}, {"client_id": "x"}, {"client_version": "2"}):
        refused = phonepe.ask_token(**wrong)
        assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_CLIENT")
    assert phonepe.ask_token(grant_type="password").status_code == 400


def test_a_call_needs_a_token_that_lives(phonepe: Merchant, sandbox: RunningSandbox) -> None:
    for header in ("", "Bearer x", f"Bearer {phonepe.token}", f"O-Bearer {phonepe.token}x", "O-Bearer a.b.c.d"):
        headers = {"Authorization": header} if header else {}
        refused = sandbox.request("GET", "/phonepe/checkout/v2/order/MT1/status", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "AUTHORIZATION_FAILED")
    short = Merchant(sandbox, tokenSeconds=1)
    wait_until(lambda: short.create().status_code == 401)


def test_the_log_of_calls_holds_no_secret(phonepe: Merchant, sandbox: RunningSandbox) -> None:
    phonepe.create()
    assert KEYS["clientSecret"] not in json.dumps(sandbox.calls("phonepe"))
    assert phonepe.token not in json.dumps(sandbox.calls("phonepe"))
    assert {call["account"] for call in sandbox.calls("phonepe")} == {KEYS["clientId"]}


# --- orders


def test_an_order_is_opened_once(phonepe: Merchant) -> None:
    opened = phonepe.create(expireAfter=600, metaInfo=None, disablePaymentRetry=None).json()
    assert (opened["state"], opened["orderId"][:3]) == ("PENDING", "OMO")
    again = phonepe.create()
    assert (again.status_code, again.json()["code"]) == (400, "INVALID_TRANSACTION_ID")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: phonepe.create("MT2").status_code, range(8)))
    assert sorted(answers) == [200, *[400] * 7]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 99},
        {"amount": "80000"},
        {"amount": 800.5},
        {"amount": True},
        {"merchantOrderId": "a b"},
        {"merchantOrderId": "x" * 64},
        {"expireAfter": 299},
        {"expireAfter": 3601},
        {"currency": "INR"},
        {"paymentFlow": {"type": "PG_CHECKOUT", "message": " ", "merchantUrls": {"redirectUrl": RETURN}}},
        {"paymentFlow": {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": "javascript:1"}}},
        {"paymentFlow": {"type": "OTHER"}},
        {"paymentFlow": None},
    ],
    ids=range(13),
)
def test_what_the_vendor_refuses_is_refused(phonepe: Merchant, changes: Json) -> None:
    refused = phonepe.create(**changes)
    assert (refused.status_code, set(refused.json())) == (400, {"success", "code", "message", "data"})


def test_an_unknown_order_attempt_or_path_is_404(phonepe: Merchant) -> None:
    for path in ("/checkout/v2/order/no/status", "/checkout/v2/transaction/no/status", "/payments/v2/refund/no/status"):
        assert phonepe.call("GET", path).status_code == 404
    assert phonepe.call("GET", "/nothing").status_code == 404


def test_attempts_follow_each_other_until_one_is_good(phonepe: Merchant) -> None:
    phonepe.create()
    failed, good = phonepe.press("failure")["paymentId"], phonepe.press(method="card")["paymentId"]
    told = phonepe.status()
    assert [item["transactionId"] for item in told["paymentDetails"]] == [failed, good]
    assert (told["state"], told["paymentDetails"][0]["errorCode"]) == ("COMPLETED", "PAYMENT_ERROR")
    assert [item["transactionId"] for item in phonepe.status(details="False")["paymentDetails"]] == [good]
    one = phonepe.call("GET", f"/checkout/v2/transaction/{good}/status").json()
    assert (one["merchantOrderId"], one["state"]) == ("MT1", "COMPLETED")
    refused = phonepe.sandbox.request("POST", "/_control/checkout/phonepe/MT1", json={"result": "success"})
    assert refused.status_code == 409


def test_without_retries_or_time_an_order_fails_for_good(phonepe: Merchant, clinic: Server) -> None:
    phonepe.create(disablePaymentRetry=True)
    phonepe.press("failure")
    phonepe.create("MT2")
    phonepe.press("expire", "MT2")
    assert (phonepe.status()["state"], phonepe.status("MT2")["detailedErrorCode"]) == ("FAILED", "ORDER_EXPIRED")
    assert sorted(events(received(clinic, 2))) == ["checkout.order.failed"] * 2
    unknown = phonepe.sandbox.request("POST", "/_control/checkout/phonepe/no", json={"result": "success"})
    assert unknown.status_code == 404
    assert phonepe.sandbox.request("POST", "/_control/checkout/phonepe/MT2", json={"result": "x"}).status_code == 400


# --- refunds


def test_refunds_are_pending_first_and_never_above_what_was_paid(phonepe: Merchant, clinic: Server) -> None:
    phonepe.create()
    assert phonepe.refund().status_code == 400  # nothing is paid yet
    phonepe.press()
    assert phonepe.refund().json()["state"] == "PENDING"
    assert phonepe.refund().json()["code"] == "INVALID_TRANSACTION_ID"
    assert phonepe.refund("RF2", 50_001).status_code == 400
    assert phonepe.refund("RF2", 50_000).status_code == 200
    ended = phonepe.sandbox.post("/_control/refunds/phonepe/RF1", {"status": "failed"})
    assert ended["state"] == "FAILED"
    assert phonepe.refund("RF3", 30_000).status_code == 200
    told = phonepe.sandbox.post("/_control/refunds/phonepe/RF2", {"status": "processed"})
    assert told["splitInstruments"][0]["rail"]["utr"]
    again = phonepe.sandbox.post("/_control/refunds/phonepe/RF2", {"status": "failed"})
    assert again["state"] == "COMPLETED"
    assert events(received(clinic, 5))[1:] == [
        "pg.refund.accepted",
        "pg.refund.failed",
        "pg.refund.accepted",
        "pg.refund.completed",
    ]
    assert phonepe.call("GET", "/payments/v2/refund/RF2/status").json()["state"] == "COMPLETED"
    assert phonepe.sandbox.request("POST", "/_control/refunds/phonepe/none").status_code == 404


@pytest.mark.parametrize(("fault", "state"), [("refund_pending", "COMPLETED"), ("refund_failed", "FAILED")])
def test_a_refund_can_take_its_time(phonepe: Merchant, sandbox: RunningSandbox, fault: str, state: str) -> None:
    phonepe.create()
    phonepe.press()
    sandbox.fault("phonepe", fault, seconds=0.2)
    phonepe.refund()
    wait_until(lambda: phonepe.call("GET", "/payments/v2/refund/RF1/status").json()["state"] == state)


def test_ten_at_once_never_exceed_the_order(phonepe: Merchant) -> None:
    phonepe.create()
    phonepe.press()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda place: phonepe.refund(f"RF{place}").status_code, range(10)))
    assert sorted(answers) == [200, 200, *[400] * 8]


# --- webhooks


VECTORS: list[tuple[Callable[[], str], str]] = [
    (
        lambda: user_hash("username", "password"),
        "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e",
    ),
    (
        lambda: user_hash("merchant_user", "Merchant123"),
        "1967e8a50a7432b035b2d45a32015d1f999a82e45ebd463d464c5e4409fa572d",
    ),
    (
        lambda: x_verify(
            "ewoJImdyYW50VG9rZW4iOiAiR1JUOTc5YTYzZjQ4ZjIxYjZmMWRiN2JhOTNiYjRhMGZiMjk3NWQ0OWFmYmMyY2QxMDdkYTBmYWMxZGQ1"
            "N2RlN2ZiNCIKfQ==",
            "6b451f58-d565-4890-836f-6fb1gjt84d97",
            1,
            "/v3/service/auth/access",
        ).upper(),
        "5DE0E70CF2B78F3923CA108E583E6A80FABE910EFD1726570B3E5CB2040DF7D2###1",
    ),
    (
        lambda: x_verify(
            "eyJtZXJjaGFudElkIjoiUEdURVNUUEFZVUFUIiwibWVyY2hhbnRUcmFuc2FjdGlvbklkIjoiTVQxIiwiYW1vdW50IjoxMDAwMH0=",
            "test-salt-key",
            1,
            "/pg/v1/pay",
        ),
        "f594d69f694b712ffc96eea706097ab38d3905b30a00817fa096deb7dfd52800###1",
    ),
    (
        lambda: x_verify("", "test-salt-key", 1, "/pg/v1/status/PGTESTPAYUAT/MT1"),
        "e521d463bcd5e1ba410ec8e641678b6786a63c323d53eee154de8c8094188cdf###1",
    ),
    (
        lambda: x_verify(
            "eyJzdWNjZXNzIjp0cnVlLCJjb2RlIjoiUEFZTUVOVF9TVUNDRVNTIiwiZGF0YSI6eyJtZXJjaGFudFRyYW5zYWN0aW9uSWQiOiJNVDEi"
            "LCJhbW91bnQiOjEwMDAwLCJzdGF0ZSI6IkNPTVBMRVRFRCJ9fQ==",
            "test-salt-key",
            1,
        ),
        "455fbe4e1e4cf8182bbded30f7227eca4795cf9a05e41a501f27fa956b07527b###1",
    ),
    (
        lambda: body_hmac(
            "phonepe_hmac_secret",
            b'{"event":"checkout.order.completed","payload":{"merchantOrderId":"mo1","state":"COMPLETED",'
            b'"amount":1000}}',
        ),
        "06581b5cae2113a916ff0596565478dfb7e2333acf9c82e1b21a54f9392bf02c",
    ),
]


@pytest.mark.parametrize(("made", "expected"), VECTORS, ids=["H1", "H2", "H3", "H4", "H5", "H6", "H7"])
def test_signatures_are_those_of_the_vendor(made: Callable[[], str], expected: str) -> None:
    assert made() == expected


SCHEMES = {
    "sha": {"webhookUsername": "sunrise", "webhookPassword": "Sunrise2026"},
    "hmac": {"hmacSecret": "hook"},
    "v1": {"saltKey": "salt", "saltIndex": 2},
}


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_webhooks_are_proved_by_the_scheme_of_the_account(sandbox: RunningSandbox, clinic: Server, scheme: str) -> None:
    merchant = Merchant(sandbox, clinic.url, **SCHEMES[scheme])
    merchant.create()
    merchant.press()
    call = received(clinic, 1)[0]
    document = json.loads(call.body)
    if scheme == "v1":
        digest = hashlib.sha256(f"{document['response']}salt".encode()).hexdigest()
        assert call.headers["x-verify"] == f"{digest}###2"
        data = json.loads(base64.b64decode(document["response"]))
        assert (data["code"], data["data"]["merchantTransactionId"]) == ("PAYMENT_SUCCESS", "MT1")
        return
    assert (document["event"], document["payload"]["state"]) == ("checkout.order.completed", "COMPLETED")
    if scheme == "sha":
        assert call.headers["authorization"] == hashlib.sha256(b"sunrise:Sunrise2026").hexdigest()
    else:
        assert call.headers["x-phonepe-checksum-signature"] == body_hmac("hook", call.body)


def test_webhook_faults_bend_what_is_sent(
    phonepe: Merchant, sandbox: RunningSandbox, clinic: Server, sandbox_time: SandboxTime
) -> None:
    sandbox.fault("phonepe", "duplicate", copies=3)
    phonepe.create()
    phonepe.press("failure")
    assert len({call.body for call in received(clinic, 3)}) == 1
    sandbox.fault("phonepe", "late", seconds=30)
    phonepe.press()
    assert len(clinic.received) == 3
    sandbox_time.passes(30)
    assert events(received(clinic, 4))[3] == "checkout.order.completed"


def test_any_body_is_sent_rightly_signed(phonepe: Merchant, sandbox: RunningSandbox, clinic: Server) -> None:
    wanted = {"provider": "phonepe", "account": KEYS["clientId"], "event": "x", "body": '{"event":"x"}'}
    sandbox.post("/_control/webhooks", wanted)
    call = received(clinic, 1)[0]
    assert call.headers["x-phonepe-checksum-signature"] == body_hmac("hook", call.body)


# --- settlements


def test_payouts_are_told_as_a_whole(phonepe: Merchant, sandbox: RunningSandbox) -> None:
    for place, method in enumerate(("upi", "card")):
        phonepe.create(f"MT{place}")
        phonepe.press(order_id=f"MT{place}", method=method)
    phonepe.refund("RF1", 10_000, "MT0")
    sandbox.post("/_control/refunds/phonepe/RF1", {"status": "processed"})
    (payout,) = sandbox.settle(provider="phonepe")
    assert payout["amount"] == 80_000 + 80_000 - 1_888 - 10_000
    assert sandbox.settle(provider="phonepe") == []
    around = {"from": payout["date"] - 1000, "to": payout["date"]}
    listed = phonepe.call("GET", "/settlements/v1/range", params=around).json()
    assert [item["settlementId"] for item in listed["settlements"]] == [payout["id"]]
    assert listed["hasNext"] is False
    told = phonepe.call("GET", f"/settlements/v1/{payout['id']}/status").json()
    assert (told["amount"], told["state"], told["utr"]) == (payout["amount"], "PROCESSED", payout["utr"])
    for wrong in ({}, {**around, "limit": 41}, {**around, "from": 0}):
        assert phonepe.call("GET", "/settlements/v1/range", params=wrong).status_code == 400
    dispute = sandbox.request("POST", "/_control/disputes", json={"provider": "phonepe", "paymentId": "OM1"})
    assert dispute.status_code == 400


# --- the page


@pytest.fixture
def shop() -> Iterator[Server]:
    """The clinic's page that the browser comes back to."""
    with scripted_server() as server:
        server.will(answer(200, b"Thank you", Content_Type="text/html"))
        yield server


def test_a_browser_fails_tries_again_and_comes_back(phonepe: Merchant, shop: Server, chromium: Browser) -> None:
    flow = {"type": "PG_CHECKOUT", "message": "Visit <1>", "merchantUrls": {"redirectUrl": f"{shop.url}/back"}}
    opened = phonepe.create(amount=123_450, paymentFlow=flow).json()
    page = chromium.new_page()
    page.goto(opened["redirectUrl"])
    assert page.get_by_text("₹1,234.50").is_visible() and page.get_by_text("Visit <1>").is_visible()
    page.get_by_role("button", name="Fail").click()
    assert page.get_by_role("alert").is_visible()
    page.get_by_label("Test card").check()
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/back")
    page.goto(opened["redirectUrl"])
    assert page.get_by_role("status").is_visible() and not page.get_by_role("button", name="Pay").is_visible()
    page.close()
    assert [call.path for call in shop.received if call.path != "/favicon.ico"] == ["/back"]
    assert phonepe.status()["paymentDetails"][1]["paymentMode"] == "CARD"


def test_cancelling_brings_the_payer_back_and_charges_nothing(phonepe: Merchant) -> None:
    page = phonepe.create().json()["redirectUrl"]
    back = requests.post(f"{page}/press", data={"result": "cancel"}, allow_redirects=False, timeout=60)
    assert (back.status_code, back.headers["Location"]) == (303, RETURN)
    assert phonepe.status()["state"] == "PENDING"
    gone = requests.get(page[:-1] + "x", timeout=60)
    assert (gone.status_code, "can no longer be paid" in gone.text) == (400, True)


def test_money_is_shown_in_the_inbox(phonepe: Merchant, sandbox: RunningSandbox) -> None:
    phonepe.create()
    phonepe.press()
    phonepe.refund()
    page = sandbox.request("GET", "/money").text
    assert "OMO" in page and "OMR" in page and "₹800.00" in page and "₹300.00" in page
