"""The simulated Stripe over the vendor's own SDK and plain HTTP: keys, lists, expansions, refusals, faults, pages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import stripe as sdk

from tests.sandbox.merchants import received
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Server

KEY, WEBHOOK_SECRET = "sk_test_Sunrise1", "whsec_sunrise"
ACCOUNT = {"accountId": "acct_Sunrise1", "secretKey": KEY, "webhookSecret": WEBHOOK_SECRET}
PAGE = "https://clinic.test"


class StripeMerchant:
    """One account over the SDK (`api`) and over plain HTTP (`call`)."""

    def __init__(self, sandbox: RunningSandbox, webhook_url: str) -> None:
        self.sandbox = sandbox
        sandbox.account("stripe", **ACCOUNT, webhookUrl=webhook_url)
        base = {"api": f"{sandbox.base_url}/stripe"}
        self.api = sdk.StripeClient(KEY, base_addresses=base, http_client=sdk.RequestsClient(timeout=60)).v1

    def call(self, method: str, path: str, key: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}", **({"Idempotency-Key": key} if key else {})}
        return self.sandbox.request(method, f"/stripe/v1{path}", headers=headers, **options)

    def session(self, amount: int = 80_000, **fields: Any) -> Any:
        item = {
            "quantity": 1,
            "price_data": {"currency": "inr", "unit_amount": amount, "product_data": {"name": "Visit"}},
        }
        urls = {"success_url": f"{PAGE}/r?s={{CHECKOUT_SESSION_ID}}", "cancel_url": f"{PAGE}/c"}
        params: Any = {"mode": "payment", "line_items": [item], **urls, **fields}
        return self.api.checkout.sessions.create(params)

    def press(self, session_id: str, result: str = "success", **options: Any) -> Json:
        return self.sandbox.pay(session_id, result, gateway="stripe", **options)

    def paid(self, amount: int = 80_000, **fields: Any) -> str:
        intent: str = self.press(self.session(amount, **fields).id)["paymentId"]
        return intent


@pytest.fixture
def merchant(sandbox: RunningSandbox, clinic: Server) -> Iterator[StripeMerchant]:
    yield StripeMerchant(sandbox, clinic.url)


def refused(response: requests.Response) -> tuple[int, str]:
    error = response.json()["error"]
    return response.status_code, error.get("code") or error["type"]


# --- the vendor's SDK understands it


def test_the_sdk_pays_expands_and_reads(merchant: StripeMerchant) -> None:
    session = merchant.session(client_reference_id="attempt-1", metadata={"a": "b"})
    assert (session.status, session.payment_status, session.metadata["a"]) == ("open", "unpaid", "b")
    merchant.press(session.id)
    expand: Any = {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    intent = merchant.api.checkout.sessions.retrieve(session.id, expand).payment_intent
    entry = intent.latest_charge.balance_transaction
    assert (intent.status, intent.latest_charge.captured) == ("succeeded", True)
    assert (entry.fee, entry.net, entry.reporting_category) == (1888, 78112, "charge")
    assert [part.type for part in entry.fee_details] == ["stripe_fee", "tax"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"amount": 90_000}, sdk.InvalidRequestError),
        ({"amount": 0}, sdk.InvalidRequestError),
        ({"reason": "bored"}, sdk.InvalidRequestError),
        ({"speed": "fast"}, sdk.InvalidRequestError),
    ],
    ids=["too much", "nothing", "odd reason", "unknown parameter"],
)
def test_the_sdk_reads_refusals(merchant: StripeMerchant, params: dict[str, Any], error: type[Exception]) -> None:
    intent = merchant.paid()
    body: Any = {"payment_intent": intent, **params}
    with pytest.raises(error):
        merchant.api.refunds.create(body)
    assert merchant.api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge.refunded is False


def test_the_sdk_verifies_its_webhooks(merchant: StripeMerchant, clinic: Server) -> None:
    merchant.paid()
    for call in received(clinic, 4):
        event = sdk.Webhook.construct_event(call.body, call.headers["stripe-signature"], WEBHOOK_SECRET)
        assert merchant.api.events.retrieve(event.id).type == event.type


def test_a_wrong_key_a_missing_key_and_json_are_refused(merchant: StripeMerchant) -> None:
    stranger = sdk.StripeClient("sk_test_other", base_addresses={"api": f"{merchant.sandbox.base_url}/stripe"})
    with pytest.raises(sdk.AuthenticationError):
        stranger.v1.balance.retrieve()
    assert merchant.sandbox.request("GET", "/stripe/v1/balance").status_code == 401
    assert merchant.call("POST", "/refunds", json={"amount": 1}).status_code == 400
    assert merchant.call("GET", "/nothing/here").status_code == 404


# --- idempotency keys


def test_a_key_answers_again_as_it_did_and_says_so(merchant: StripeMerchant) -> None:
    intent = merchant.paid()
    body = {"payment_intent": intent, "amount": "30000"}
    first, again = (merchant.call("POST", "/refunds", key="k1", data=body) for _ in range(2))
    assert first.json() == again.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert len(merchant.api.refunds.list({"payment_intent": intent}).data) == 1


def test_a_key_with_another_body_or_path_is_refused(merchant: StripeMerchant) -> None:
    intent = merchant.paid()
    merchant.call("POST", "/refunds", key="k1", data={"payment_intent": intent, "amount": "30000"})
    other = merchant.call("POST", "/refunds", key="k1", data={"payment_intent": intent, "amount": "100"})
    assert refused(other) == (400, "idempotency_error")
    assert refused(merchant.call("POST", f"/payment_intents/{intent}/cancel", key="k1")) == (400, "idempotency_error")


def test_what_was_refused_leaves_the_key_unused(merchant: StripeMerchant) -> None:
    intent = merchant.paid()
    wrong = merchant.call("POST", "/refunds", key="k1", data={"payment_intent": intent, "amount": "x"})
    assert refused(wrong) == (400, "parameter_invalid_integer")
    assert merchant.call("POST", "/refunds", key="k1", data={"payment_intent": intent, "amount": "100"}).ok


def test_a_kept_fault_is_answered_again(merchant: StripeMerchant) -> None:
    body = {"payment_intent": merchant.paid(), "amount": "100"}
    merchant.sandbox.fault("stripe", "stored_500", operation="create_refund")
    first, again = (merchant.call("POST", "/refunds", key="k1", data=body) for _ in range(2))
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (500, 500, "true")
    assert merchant.call("POST", "/refunds", key="k2", data=body).ok


def test_a_key_in_use_is_a_conflict_and_one_refund_is_made(merchant: StripeMerchant) -> None:
    body = {"payment_intent": merchant.paid(), "amount": "100"}
    merchant.sandbox.fault("stripe", "slow", operation="create_refund", seconds=0.5)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: merchant.call("POST", "/refunds", key="k1", data=body), range(5)))
    ids = {answer.json()["id"] for answer in answers if answer.ok}
    assert len(ids) == 1
    assert {refused(answer) for answer in answers if not answer.ok} <= {(409, "idempotency_key_in_use")}


# --- lists


def test_lists_are_newest_first_filtered_and_cut_by_a_cursor(merchant: StripeMerchant) -> None:
    made = [merchant.session().id for _ in range(3)]
    first = merchant.call("GET", "/checkout/sessions", params={"limit": 2}).json()
    assert ([item["id"] for item in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    after = {"limit": 2, "starting_after": made[1]}
    rest = merchant.call("GET", "/checkout/sessions", params=after).json()
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == ([made[0]], False)
    later = {"created[gte]": rest["data"][0]["created"] + 1000}
    assert merchant.call("GET", "/checkout/sessions", params=later).json()["data"] == []
    listed = [item.id for item in merchant.api.checkout.sessions.list({"limit": 1}).auto_paging_iter()]
    assert listed == made[::-1]


@pytest.mark.parametrize(
    "params",
    [{"limit": 101}, {"limit": "x"}, {"starting_after": "cs_none"}, {"created[near]": 1}, {"colour": "red"}],
    ids=["too many", "no number", "unknown cursor", "odd comparison", "unknown filter"],
)
def test_odd_lists_are_refused(merchant: StripeMerchant, params: dict[str, Any]) -> None:
    merchant.session()
    assert merchant.call("GET", "/checkout/sessions", params=params).status_code == 400


def test_what_cannot_be_expanded_is_refused(merchant: StripeMerchant) -> None:
    session = merchant.session().id
    for path in ("amount_total.x", "nothing", "a.b.c.d.e"):
        assert merchant.call("GET", f"/checkout/sessions/{session}", params={"expand[]": path}).status_code == 400


# --- rules


@pytest.mark.parametrize(
    ("currency", "amount", "code"),
    [
        ("inr", 49, "amount_too_small"), ("usd", 49, "amount_too_small"), ("kwd", 5124, "invalid_charge_amount"),
        ("isk", 150, "invalid_charge_amount_no_decimal_compatible"),
        ("ugx", 1, "invalid_charge_amount_no_decimal_compatible"), ("INR", 5000, "invalid_request_error"),
        ("inr", -1, "amount_too_small"),
    ],
)  # fmt: skip
def test_amounts_are_what_the_vendor_takes(merchant: StripeMerchant, currency: str, amount: int, code: str) -> None:
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Visit"}}
    line: Any = [{"quantity": 1, "price_data": price}]
    with pytest.raises(sdk.InvalidRequestError) as caught:
        merchant.session(line_items=line)
    assert (caught.value.code or "invalid_request_error") == code


def test_an_intent_of_an_open_session_cannot_be_cancelled(merchant: StripeMerchant) -> None:
    session = merchant.session()
    intent = merchant.press(session.id, "failure")["paymentId"]
    assert refused(merchant.call("POST", f"/payment_intents/{intent}/cancel")) == (
        400,
        "payment_intent_unexpected_state",
    )
    merchant.api.checkout.sessions.expire(session.id)
    assert merchant.api.payment_intents.retrieve(intent).status == "canceled"


def test_a_disputed_charge_cannot_be_refunded_and_evidence_is_taken(merchant: StripeMerchant) -> None:
    intent = merchant.paid()
    dispute = merchant.sandbox.post("/_control/disputes", {"provider": "stripe", "paymentId": intent})
    with pytest.raises(sdk.InvalidRequestError) as caught:
        merchant.api.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_disputed"
    evidence: Any = {"evidence": {"product_description": "A visit"}, "submit": True}
    assert merchant.api.disputes.update(dispute["id"], evidence).status == "under_review"
    assert merchant.api.disputes.close(dispute["id"]).status == "lost"


def test_refunds_wait_fail_and_come_later_as_faults_say(merchant: StripeMerchant, clinic: Server) -> None:
    intent = merchant.paid()
    merchant.sandbox.fault("stripe", "refund_pending", seconds=0.1)
    assert merchant.api.refunds.create({"payment_intent": intent, "amount": 100}).status == "pending"
    merchant.sandbox.fault("stripe", "refund_failed", seconds=0.1)
    assert merchant.api.refunds.create({"payment_intent": intent, "amount": 200}).status == "pending"
    names = {call.json()["type"] for call in received(clinic, 12)}
    assert {"refund.updated", "refund.failed"} <= names
    assert (
        merchant.api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge.amount_refunded
        == 100
    )


def test_the_balance_is_what_a_payout_pays(merchant: StripeMerchant) -> None:
    merchant.paid()
    available = merchant.api.balance.retrieve().available[0].amount
    payout = merchant.sandbox.settle(provider="stripe", accountId="acct_Sunrise1")[0]
    assert available == payout["amount"] == 78_112
    rows = merchant.api.balance_transactions.list({"payout": payout["id"], "limit": 100}).data
    assert sum(row.net for row in rows if row.type != "payout") == payout["amount"]
    assert merchant.api.balance.retrieve().available == []


def test_secrets_are_masked_where_accounts_are_shown(merchant: StripeMerchant) -> None:
    shown = merchant.sandbox.request("GET", "/_control/accounts").text
    assert KEY not in shown
    assert WEBHOOK_SECRET not in shown
    merchant.paid()
    assert KEY not in merchant.sandbox.request("GET", "/_control/requests").text


# --- the hosted page


def page(merchant: StripeMerchant, session_id: str) -> str:
    return merchant.sandbox.request("GET", f"/stripe/c/pay/{session_id}").text


def press(merchant: StripeMerchant, session_id: str, where: str = "press", **form: str) -> requests.Response:
    path = f"/stripe/c/pay/{session_id}/{where}"
    return merchant.sandbox.request("POST", path, data=form, allow_redirects=False)


def test_paying_on_the_page_leads_back_with_the_session(merchant: StripeMerchant) -> None:
    session = merchant.session(client_reference_id="attempt-1")
    shown = page(merchant, session.id)
    assert "₹800.00" in shown
    assert "attempt-1" in shown
    answer = press(merchant, session.id, result="success", method="card")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/r?s={session.id}")
    assert "This page is done." in page(merchant, session.id)
    assert press(merchant, session.id, result="success").status_code == 400


def test_a_refused_card_stays_on_the_page_and_says_why(merchant: StripeMerchant) -> None:
    session = merchant.session()
    answer = press(merchant, session.id, result="success", method="card_no_funds")
    assert (answer.status_code, "insufficient funds" in answer.text) == (200, True)
    assert merchant.api.checkout.sessions.retrieve(session.id).status == "open"
    assert "Your card was declined." in press(merchant, session.id, result="failure").text


def test_cancelling_leads_to_the_clinic_and_leaves_the_session_open(merchant: StripeMerchant) -> None:
    session = merchant.session()
    assert press(merchant, session.id, result="cancel").headers["Location"] == f"{PAGE}/c"
    assert merchant.api.checkout.sessions.retrieve(session.id).status == "open"


@pytest.mark.parametrize(("told", "status"), [("success", "succeeded"), ("failure", "requires_payment_method")])
def test_a_bank_asks_its_customer_first(merchant: StripeMerchant, told: str, status: str) -> None:
    session = merchant.session()
    asked = press(merchant, session.id, result="success", method="card_3ds")
    assert (asked.status_code, "Your bank" in asked.text) == (200, True)
    intent = merchant.api.checkout.sessions.retrieve(session.id).payment_intent
    assert merchant.api.payment_intents.retrieve(intent).status == "requires_action"
    press(merchant, session.id, "bank", result=told, method="card_3ds")
    assert merchant.api.payment_intents.retrieve(intent).status == status


def test_an_expired_or_unknown_page_says_so(merchant: StripeMerchant) -> None:
    session = merchant.session()
    merchant.api.checkout.sessions.expire(session.id)
    assert "has expired" in page(merchant, session.id)
    assert merchant.sandbox.request("GET", "/stripe/c/pay/cs_test_none").status_code == 400


def test_the_money_page_shows_it(merchant: StripeMerchant) -> None:
    intent = merchant.paid()
    merchant.api.refunds.create({"payment_intent": intent, "amount": 30_000})
    merchant.sandbox.settle(provider="stripe")
    shown = merchant.sandbox.request("GET", "/money").text
    for word in (intent, "cs_test_", "re_", "po_", "₹300.00", "₹800.00"):
        assert word in shown
