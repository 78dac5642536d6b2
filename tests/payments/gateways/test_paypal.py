from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.money import Money
from app.core.providers import Outcome
from app.payments.gateways import paypal_client
from app.payments.gateways.access_tokens import TokenBook
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    CheckoutRequest,
    OrderState,
    PaymentState,
)
from app.payments.gateways.paypal import PayPal
from tests.payments.gateways.paypal_account import (
    DOLLARS_500,
    REQUEST,
    amount,
    capture_entity,
    open_gateway,
    order_entity,
    refund_entity,
    refusal,
    token,
)
from tests.payments.gateways.razorpay_account import failure_of
from tests.scripted_server import Server, answer


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paypal_client, "_tokens", TokenBook())


@pytest.fixture
def paypal(server: Server) -> PayPal:
    return open_gateway(server.url)


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


# --- money


@pytest.mark.parametrize(
    ("money", "value"),
    [
        (Money(1050, "USD"), "10.50"),
        (Money(5, "EUR"), "0.05"),
        (Money(100, "USD"), "1.00"),
        (Money(1050, "JPY"), "1050"),
        (Money(105000, "HUF"), "1050"),
        (Money(105000, "TWD"), "1050"),
    ],
    ids=str,
)
def test_amounts_are_decimal_text_with_paypals_decimals(money: Money, value: str) -> None:
    assert PayPal.wire_amount(money) == {"currency_code": money.currency, "value": value}
    assert PayPal.from_text(value, money.currency) == money


@pytest.mark.parametrize(
    ("money", "code"),
    [
        (Money(105050, "HUF"), "amount_too_precise"),
        (Money(1, "TWD"), "amount_too_precise"),
        (Money(80000, "INR"), "currency_not_supported"),
        (Money(1000, "KWD"), "currency_not_supported"),
        (Money(0, "USD"), "amount_not_positive"),
        (Money(-1, "USD"), "amount_not_positive"),
    ],
    ids=str,
)
def test_amounts_that_paypal_cannot_take_are_refused_before_a_call(
    server: Server, paypal: PayPal, money: Money, code: str
) -> None:
    request = CheckoutRequest("r", money, "Visit", "https://a.test", "https://b.test")
    error = failure_of(lambda: paypal.create_checkout(request))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


# --- orders and the approval page


def test_a_checkout_is_an_order_and_the_payers_way_to_it(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(201, order_entity("PAYER_ACTION_REQUIRED")))
    checkout = paypal.create_checkout(REQUEST)
    login, sent = server.received
    assert (login.method, login.path, login.body) == ("POST", "/v1/oauth2/token", b"grant_type=client_credentials")
    assert login.headers["authorization"].startswith("Basic ")
    assert (sent.method, sent.path) == ("POST", "/v2/checkout/orders")
    assert sent.headers["authorization"] == "Bearer A21AA-token"
    assert (sent.headers["paypal-request-id"], sent.headers["prefer"]) == ("attempt-1", "return=representation")
    body = sent.json()
    (unit,) = body["purchase_units"]
    assert (body["intent"], unit["amount"]) == ("CAPTURE", amount("500.00"))
    assert (unit["custom_id"], unit["invoice_id"]) == ("attempt-1", "attempt-1")
    context = body["payment_source"]["paypal"]["experience_context"]
    assert context["return_url"] == "https://console.test/return"
    assert context["cancel_url"] == "https://console.test/cancel"
    assert context["user_action"] == "PAY_NOW"
    assert (checkout.order_id, checkout.method, dict(checkout.fields)) == ("ORDER1", "GET", {})
    assert checkout.url == "https://www.paypal.com/checkoutnow?token=ORDER1"


def test_manual_capture_is_the_intent_to_authorise(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(201, order_entity("PAYER_ACTION_REQUIRED", "AUTHORIZE")))
    paypal.create_checkout(
        CheckoutRequest("r", DOLLARS_500, "Visit", "https://a.test", "https://b.test", manual_capture=True)
    )
    assert server.received[1].json()["intent"] == "AUTHORIZE"


@pytest.mark.parametrize("reference", ["", "x" * 41])
def test_a_reference_has_a_sensible_length(server: Server, paypal: PayPal, reference: str) -> None:
    request = CheckoutRequest(reference, DOLLARS_500, "Visit", "https://a.test", "https://b.test")
    assert failure_of(lambda: paypal.create_checkout(request)).code == "invalid_reference"
    assert server.received == []


def test_an_open_order_is_resumed_by_its_link_and_a_dead_one_is_replaced(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(200, order_entity("APPROVED")))
    assert paypal.resume_checkout("ORDER1", REQUEST).url.endswith("token=ORDER1")
    for dead in (answer(200, order_entity("VOIDED")), refusal(404, "INVALID_RESOURCE_ID")):
        server.will(dead)
        assert failure_of(lambda: paypal.resume_checkout("ORDER1", REQUEST)).code == ORDER_EXPIRED


def test_orders_are_not_found_by_our_reference(server: Server, paypal: PayPal) -> None:
    assert paypal.find_order("attempt-1") is None
    assert server.received == []


@pytest.mark.parametrize(
    ("status", "payments", "state", "approved"),
    [
        ("PAYER_ACTION_REQUIRED", {}, OrderState.OPEN, False),
        ("APPROVED", {}, OrderState.OPEN, True),
        ("COMPLETED", {"captures": [capture_entity()]}, OrderState.PAID, False),
        ("COMPLETED", {"captures": [capture_entity(status="PENDING")]}, OrderState.ATTEMPTED, False),
        ("VOIDED", {}, OrderState.EXPIRED, False),
    ],
    ids=["created", "approved", "captured", "completed with a pending capture", "voided"],
)
def test_an_order_is_read_by_its_captures_not_by_its_word(
    server: Server, paypal: PayPal, status: str, payments: dict[str, Any], state: OrderState, approved: bool
) -> None:
    server.will(token(), answer(200, order_entity(status, **payments)))
    order = paypal.fetch_order("ORDER1")
    assert (order.state, order.approved, order.reference) == (state, approved, "attempt-1")
    assert order.paid == (DOLLARS_500 if state is OrderState.PAID else Money.zero("USD"))


def test_a_forgotten_order_was_not_paid(server: Server, paypal: PayPal) -> None:
    server.will(token(), refusal(404, "INVALID_RESOURCE_ID"))
    error = failure_of(lambda: paypal.fetch_order("ORDER1"))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, ORDER_EXPIRED)


# --- captures


@pytest.mark.parametrize(
    ("status", "refunds", "state", "sums"),
    [
        ("PENDING", [], PaymentState.PENDING, (0, 0)),
        ("COMPLETED", [], PaymentState.CAPTURED, (50000, 0)),
        ("COMPLETED", [refund_entity(status="PENDING")], PaymentState.CAPTURED, (50000, 0)),
        ("PARTIALLY_REFUNDED", [refund_entity()], PaymentState.CAPTURED, (50000, 20000)),
        ("REFUNDED", [refund_entity(value="500.00")], PaymentState.REFUNDED, (50000, 50000)),
        ("DECLINED", [], PaymentState.FAILED, (0, 0)),
        ("FAILED", [], PaymentState.FAILED, (0, 0)),
        ("SOMETHING_NEW", [], PaymentState.PENDING, (0, 0)),
    ],
    ids=["pending", "done", "refund pending", "partly refunded", "refunded", "declined", "failed", "new word"],
)
def test_a_capture_is_read_into_our_states_and_sums(
    server: Server, paypal: PayPal, status: str, refunds: list[Any], state: PaymentState, sums: tuple[int, int]
) -> None:
    order = order_entity(captures=[capture_entity(status=status)], refunds=refunds)
    server.will(token(), answer(200, capture_entity(status=status)), answer(200, order))
    payment = paypal.fetch_payment("CAP1")
    assert (payment.payment_id, payment.order_id, payment.state) == ("CAP1", "ORDER1", state)
    assert (payment.captured.minor, payment.refunded.minor) == sums
    assert (payment.method, payment.fee) == ("paypal", dollars("17.94"))
    assert payment.created_at == datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert bool(payment.error_code) is (state is PaymentState.FAILED)


def test_an_approved_order_is_taken_by_a_call_of_its_own(server: Server, paypal: PayPal) -> None:
    done = order_entity(captures=[capture_entity()])
    server.will(token(), answer(201, done), answer(200, done))
    order = paypal.collect("ORDER1", reserve=False, key="operation-1")
    sent = server.received[1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/v2/checkout/orders/ORDER1/capture", b"{}")
    assert sent.headers["paypal-request-id"] == "operation-1"
    assert sent.headers["content-type"] == "application/json"
    assert [payment.captured for payment in order.payments] == [DOLLARS_500]


@pytest.mark.parametrize("issue", ["ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED"])
def test_what_was_taken_before_is_told_as_it_stands(server: Server, paypal: PayPal, issue: str) -> None:
    server.will(token(), refusal(422, issue), answer(200, order_entity(captures=[capture_entity()])))
    assert paypal.collect("ORDER1", reserve=False, key="k").paid == DOLLARS_500


@pytest.mark.parametrize("issue", ["INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"])
def test_an_instrument_that_fails_is_a_failed_payment_on_an_open_order(
    server: Server, paypal: PayPal, issue: str
) -> None:
    server.will(token(), refusal(422, issue, description="Declined."), answer(200, order_entity("APPROVED")))
    order = paypal.collect("ORDER1", reserve=False, key="k")
    (failed,) = order.payments
    assert (failed.payment_id, failed.state, failed.error_code) == ("ORDER1", PaymentState.FAILED, issue)
    assert (failed.error_text, failed.captured) == ("Declined.", Money.zero("USD"))


@pytest.mark.parametrize(
    ("issue", "outcome"),
    [
        ("ORDER_NOT_APPROVED", Outcome.PERMANENT_MESSAGE),
        ("DUPLICATE_INVOICE_ID", Outcome.PERMANENT_MESSAGE),
        ("ORDER_COMPLETION_IN_PROGRESS", Outcome.UNKNOWN),
    ],
)
def test_other_refusals_of_a_capture_are_errors(server: Server, paypal: PayPal, issue: str, outcome: Outcome) -> None:
    server.will(token(), refusal(422, issue))
    error = failure_of(lambda: paypal.collect("ORDER1", reserve=False, key="k"))
    assert (error.outcome, error.code) == (outcome, issue)


# --- the token


def test_the_token_is_kept_until_it_runs_out(server: Server, paypal: PayPal) -> None:
    server.will(
        token(), answer(200, order_entity()), answer(200, order_entity()), token("second"), answer(200, order_entity())
    )
    paypal.fetch_order("ORDER1")
    open_gateway(server.url).fetch_order("ORDER1")
    with clock.travel(timedelta(hours=9)):
        paypal.fetch_order("ORDER1")
    assert [call.path for call in server.received].count("/v1/oauth2/token") == 2
    assert server.received[-1].headers["authorization"] == "Bearer second"


def test_a_revoked_token_is_renewed_once(server: Server, paypal: PayPal) -> None:
    revoked = answer(401, {"error": "invalid_token", "error_description": "Token signature verification failed"})
    server.will(token("first"), revoked, token("second"), answer(201, order_entity("PAYER_ACTION_REQUIRED")))
    assert paypal.create_checkout(REQUEST).order_id == "ORDER1"
    assert [call.headers["authorization"] for call in server.received[1::2]] == ["Bearer first", "Bearer second"]
    server.will(revoked, token("third"), revoked)
    error = failure_of(lambda: paypal.fetch_order("ORDER1"))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "invalid_token")
