"""What Stripe's answers mean, and what is sent: against scripted answers of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.core.ids import new_id
from app.core.money import Money
from app.core.providers import Outcome
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    CheckoutRequest,
    OrderState,
    PaymentState,
)
from app.payments.gateways.stripe import Stripe
from app.payments.gateways.stripe_client import API_VERSION
from app.payments.gateways.stripe_wire import REFERENCE
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import (
    ENTRY,
    REQUEST,
    RUPEES_500,
    charge_entity,
    intent_entity,
    listed,
    open_gateway,
    refusal,
    session_entity,
)
from tests.scripted_server import Server, answer


@pytest.fixture
def gateway(server: Server) -> Stripe:
    return open_gateway(server.url)


def form(server: Server, at: int = 0) -> dict[str, str]:
    return dict(parse_qsl(server.received[at].body.decode()))


def minors(*amounts: Money) -> tuple[int, ...]:
    return tuple(amount.minor for amount in amounts)


# --- orders


def test_a_checkout_is_a_session_with_our_reference_on_it_and_its_intent(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, session_entity()))
    checkout = gateway.create_checkout(REQUEST)
    sent, body = server.received[0], form(server)
    assert (sent.method, sent.path) == ("POST", "/v1/checkout/sessions")
    assert sent.headers["authorization"] == "Bearer sk_test_Console1"
    assert (sent.headers["stripe-version"], sent.headers["idempotency-key"]) == (API_VERSION, "checkout-attempt-1")
    assert (body["mode"], body["client_reference_id"], body["customer_email"]) == (
        "payment", "attempt-1", "asha@example.org",
    )  # fmt: skip
    assert (body["line_items[0][price_data][unit_amount]"], body["line_items[0][price_data][currency]"]) == (
        "50000", "inr",
    )  # fmt: skip
    assert body["payment_intent_data[capture_method]"] == "automatic"
    assert body[f"payment_intent_data[metadata][{REFERENCE}]"] == body[f"metadata[{REFERENCE}]"] == "attempt-1"
    assert body["metadata[clinic]"] == "c1"
    assert body["success_url"] == "https://console.test/return?session_id={CHECKOUT_SESSION_ID}"
    assert (checkout.order_id, checkout.method, checkout.url) == ("cs_1", "GET", session_entity()["url"])
    assert "sk_test" not in str(checkout)


def test_manual_capture_a_known_customer_and_keeping_the_card_are_asked_for(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, session_entity()))
    request = CheckoutRequest(
        "r", RUPEES_500, "", "https://a.test/?x=1", "https://b.test", payee="Sunrise", customer=REQUEST.customer,
        manual_capture=True, customer_id="cus_1", save_method=True,
    )  # fmt: skip
    gateway.create_checkout(request)
    body = form(server)
    assert body["payment_intent_data[capture_method]"] == "manual"
    assert body["payment_intent_data[setup_future_usage]"] == "off_session"
    assert (body["customer"], body.get("customer_email")) == ("cus_1", None)
    assert body["line_items[0][price_data][product_data][name]"] == "Sunrise"
    assert body["success_url"].startswith("https://a.test/?x=1&session_id=")


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://checkout.stripe.test/c/pay/cs_1"),
        ({"status": "complete", "url": None}, "https://console.test/return?session_id=cs_1"),
    ],
    ids=["open", "complete"],
)
def test_an_order_leads_to_its_page_or_straight_to_the_return(
    server: Server, gateway: Stripe, changes: dict[str, Any], url: str
) -> None:
    server.will(answer(200, session_entity(**changes)))
    assert gateway.resume_checkout("cs_1", REQUEST).url == url


def test_an_expired_order_needs_another_one(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, session_entity(status="expired", url=None)))
    assert failure_of(lambda: gateway.resume_checkout("cs_1", REQUEST)).code == ORDER_EXPIRED


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "file:///etc/passwd"])
def test_a_session_whose_page_is_no_web_address_is_not_understood(
    server: Server, gateway: Stripe, url: str | None
) -> None:
    server.will(answer(200, session_entity(url=url)))
    assert failure_of(lambda: gateway.create_checkout(REQUEST)).code == "malformed_answer"


def test_an_order_is_found_again_page_by_page_among_those_since_its_payment(server: Server, gateway: Stripe) -> None:
    reference = new_id()
    mine = session_entity(id="cs_9", client_reference_id=reference)
    server.will(
        listed(session_entity(id="cs_3"), session_entity(id="cs_2", mode="setup"), has_more=True),
        listed({**mine, "id": "cs_8", "status": "expired"}, mine),
        answer(200, {**mine, "payment_status": "paid", "payment_intent": intent_entity()}),
    )
    found = gateway.find_order(reference)
    assert found is not None
    assert (found.order_id, found.state, found.paid) == ("cs_9", OrderState.PAID, RUPEES_500)
    assert found.payments[0].order_id == "cs_9"
    first, second, third = (call.path for call in server.received)
    made = int(first.partition("created%5Bgte%5D=")[2].partition("&")[0])
    assert 0 < datetime.now(UTC).timestamp() - made < 3700
    assert "starting_after=cs_2" in second
    assert third == "/v1/checkout/sessions/cs_9?expand%5B%5D=payment_intent.latest_charge.balance_transaction"


def test_an_order_that_was_never_opened_is_none(server: Server, gateway: Stripe) -> None:
    server.will(listed())
    assert gateway.find_order("attempt-1") is None


def test_a_list_without_end_is_given_up_and_not_taken_for_absence(server: Server, gateway: Stripe) -> None:
    server.will(listed(session_entity(client_reference_id="other"), has_more=True))
    assert failure_of(lambda: gateway.find_order("attempt-1")).code == "list_too_long"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OrderState.OPEN),
        ({"payment_intent": "pi_1"}, OrderState.ATTEMPTED),
        ({"status": "complete"}, OrderState.ATTEMPTED),
        ({"status": "complete", "payment_status": "paid"}, OrderState.PAID),
        ({"status": "expired"}, OrderState.EXPIRED),
    ],
    ids=["open", "tried", "complete", "paid", "expired"],
)
def test_a_session_is_read_into_our_states(
    server: Server, gateway: Stripe, changes: dict[str, Any], state: OrderState
) -> None:
    server.will(answer(200, session_entity(**changes)))
    assert gateway.fetch_order("cs_1").state is state


def test_closing_an_order_expires_its_session_once(server: Server, gateway: Stripe) -> None:
    server.will(
        answer(200, session_entity(status="expired")), refusal(400), answer(200, session_entity(status="complete"))
    )
    gateway.close_checkout("cs_1")
    gateway.close_checkout("cs_1")
    assert server.received[0].path == server.received[1].path == "/v1/checkout/sessions/cs_1/expire"


# --- payments: what each status means


@pytest.mark.parametrize(
    ("changes", "state", "sums"),
    [
        ({"status": "requires_payment_method", "amount_received": 0, "latest_charge": None}, PaymentState.PENDING,
         (0, 0, 0, 0)),
        ({"status": "requires_confirmation", "amount_received": 0}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"status": "requires_action", "amount_received": 0}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"status": "processing", "amount_received": 0}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"status": "something_new", "amount_received": 0}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"status": "requires_payment_method", "amount_received": 0,
          "last_payment_error": {"code": "card_declined"}}, PaymentState.FAILED, (0, 0, 0, 0)),
        ({"status": "requires_capture", "amount_received": 0}, PaymentState.AUTHORIZED, (50000, 0, 0, 0)),
        ({}, PaymentState.CAPTURED, (50000, 50000, 0, 0)),
        ({"latest_charge": charge_entity(amount_refunded=20000)}, PaymentState.CAPTURED, (50000, 50000, 20000, 0)),
        ({"latest_charge": charge_entity(amount_refunded=50000)}, PaymentState.REFUNDED, (50000, 50000, 50000, 0)),
        ({"amount_received": 30000, "latest_charge": charge_entity(amount_captured=30000, amount_refunded=20000)},
         PaymentState.CAPTURED, (50000, 30000, 0, 20000)),
        ({"amount_received": 30000, "latest_charge": charge_entity(amount_captured=30000, amount_refunded=50000)},
         PaymentState.REFUNDED, (50000, 30000, 30000, 20000)),
        ({"status": "canceled", "amount_received": 0,
          "latest_charge": charge_entity(captured=False, amount_refunded=50000)}, PaymentState.VOIDED,
         (50000, 0, 0, 50000)),
        ({"status": "canceled", "amount_received": 0, "latest_charge": None}, PaymentState.FAILED, (0, 0, 0, 0)),
        ({"status": "canceled", "amount_received": 0, "latest_charge": charge_entity(status="failed")},
         PaymentState.FAILED, (0, 0, 0, 0)),
        ({"latest_charge": "ch_1"}, PaymentState.CAPTURED, (50000, 50000, 0, 0)),
    ],
    ids=["new", "to confirm", "3-D Secure", "processing", "new word", "declined", "reserved", "captured",
         "part refunded", "refunded", "captured in part", "part captured and refunded", "voided", "abandoned",
         "declined and abandoned", "not expanded"],
)  # fmt: skip
def test_a_payment_is_read_into_our_states_and_sums(
    server: Server, gateway: Stripe, changes: dict[str, Any], state: PaymentState, sums: tuple[int, ...]
) -> None:
    server.will(answer(200, intent_entity(**changes)))
    payment = gateway.fetch_payment("pi_1")
    assert payment.state is state
    assert minors(payment.authorized, payment.captured, payment.refunded, payment.voided) == sums
    assert payment.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_decline_says_why(server: Server, gateway: Stripe) -> None:
    error = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "Your card has no funds."}
    server.will(answer(200, intent_entity(status="requires_payment_method", last_payment_error=error)))
    payment = gateway.fetch_payment("pi_1")
    assert (payment.error_code, payment.error_text) == ("insufficient_funds", "Your card has no funds.")


def test_the_fee_is_in_the_settlement_currency_and_tells_its_tax(server: Server, gateway: Stripe) -> None:
    charge = charge_entity(currency="usd", balance_transaction={**ENTRY, "currency": "inr"})
    server.will(answer(200, intent_entity(currency="usd", amount=1000, amount_received=1000, latest_charge=charge)))
    payment = gateway.fetch_payment("pi_1")
    assert (payment.amount, payment.fee, payment.tax) == (Money(1000, "USD"), Money(1180, "INR"), Money(180, "INR"))
    assert payment.method == "card"


def test_a_capture_sends_its_part_and_key(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, intent_entity(amount_received=30000)))
    assert gateway.capture("pi_1", Money(30000, "INR"), key="op-1").captured == Money(30000, "INR")
    assert server.received[0].path == "/v1/payment_intents/pi_1/capture"
    assert (form(server)["amount_to_capture"], server.received[0].headers["idempotency-key"]) == (
        "30000", "capture-op-1",
    )  # fmt: skip


def test_capturing_or_voiding_what_is_done_answers_with_the_payment(server: Server, gateway: Stripe) -> None:
    wrong = refusal(400, code="payment_intent_unexpected_state")
    server.will(wrong, answer(200, intent_entity()))
    assert gateway.capture("pi_1", RUPEES_500).state is PaymentState.CAPTURED
    gone = intent_entity(status="canceled", amount_received=0, latest_charge=charge_entity(captured=False))
    server.will(wrong, answer(200, gone))
    assert gateway.void("pi_1").voided == RUPEES_500


def test_a_refused_capture_or_void_stays_refused(server: Server, gateway: Stripe) -> None:
    wrong = refusal(400, code="payment_intent_unexpected_state")
    server.will(wrong, answer(200, intent_entity(status="requires_action", amount_received=0)))
    assert failure_of(lambda: gateway.capture("pi_1", RUPEES_500)).code == "payment_intent_unexpected_state"
    server.will(wrong, answer(200, intent_entity()))
    assert failure_of(lambda: gateway.void("pi_1")).outcome is Outcome.PERMANENT_MESSAGE
