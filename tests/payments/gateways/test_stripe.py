"""What Stripe's answers mean, and what is sent: against scripted answers of the API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.core.ids import new_id
from app.core.money import CURRENCIES, Money
from app.core.providers import BadSignature, ConnectionResult, Outcome, ProviderError
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    CheckoutRequest,
    OrderState,
    PaymentState,
    RefundState,
    SettlementKind,
)
from app.payments.gateways.saved_methods import SavedCharge
from app.payments.gateways.stripe import Stripe
from app.payments.gateways.stripe_client import API_VERSION
from app.payments.gateways.stripe_wire import REFERENCE
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import (
    ENTRY,
    REFUND,
    REQUEST,
    RUPEES_500,
    charge_entity,
    intent_entity,
    listed,
    open_gateway,
    refund_entity,
    refusal,
    session_entity,
)
from tests.scripted_server import Behaviour, RefusingPort, Server, answer, reset, silence, truncated


@pytest.fixture
def gateway(server: Server) -> Stripe:
    return open_gateway(server.url)


def form(server: Server, at: int = 0) -> dict[str, str]:
    return dict(parse_qsl(server.received[at].body.decode()))


def minors(*amounts: Money) -> tuple[int, ...]:
    return tuple(amount.minor for amount in amounts)


# --- amounts


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money(1050, "INR"), 1050), (Money(1050, "USD"), 1050), (Money(1050, "JPY"), 1050), (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500), (Money(1230, "KWD"), 1230), (Money(500, "MGA"), 5), (Money(1045, "HUF"), 1045),
        (Money(80045, "TWD"), 80045),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_amounts_cross_the_wire_in_stripes_own_unit(amount: Money, units: int) -> None:
    assert Stripe.to_wire(amount) == units
    assert Stripe.from_wire(units, amount.currency) == amount


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Money(0, "INR"), "amount_not_positive"), (Money(-1, "INR"), "amount_not_positive"),
        (Money(1234, "KWD"), "amount_too_precise"), (Money(150, "MGA"), "amount_too_precise"),
        (Money(49, "INR"), "amount_too_small"), (Money(49, "USD"), "amount_too_small"),
        (Money(49, "JPY"), "amount_too_small"), (Money(17_499, "HUF"), "amount_too_small"),
        (Money(199, "AED"), "amount_too_small"),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_amounts_that_cannot_be_charged_are_refused_before_a_call(
    server: Server, gateway: Stripe, amount: Money, code: str
) -> None:
    request = CheckoutRequest("r", amount, "Visit", "https://a.test", "https://b.test")
    error = failure_of(lambda: gateway.create_checkout(request))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


def test_a_small_amount_may_still_be_given_back() -> None:
    assert Stripe.to_wire(Money(1, "INR")) == 1
    with pytest.raises(ProviderError):
        Stripe.check_charge(Money(1, "INR"))


@pytest.mark.parametrize("currency", sorted(CURRENCIES - {"CLF", "UYW"}))
def test_a_whole_unit_of_every_currency_survives_the_wire(currency: str) -> None:
    amount = Money.parse("1000000", currency)
    assert Stripe.from_wire(Stripe.to_wire(amount), currency) == amount


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


# --- refunds


def test_a_refund_carries_its_key_and_reference(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, refund_entity()))
    refund = gateway.refund(REFUND)
    assert server.received[0].headers["idempotency-key"] == "refund-key-0001"
    assert form(server) == {
        "payment_intent": "pi_1", "amount": "20000", "reason": "requested_by_customer",
        f"metadata[{REFERENCE}]": "refund-1",
    }  # fmt: skip
    assert (refund.refund_id, refund.state, refund.reference) == ("re_1", RefundState.SETTLED, "refund-1")
    assert refund.bank_reference == "10000000000000"


def test_a_kept_fault_of_a_key_is_passed_over_with_the_next_key(server: Server, gateway: Stripe) -> None:
    kept = answer(500, {"error": {"type": "api_error"}}, Idempotent_Replayed="true")
    server.will(kept, kept, answer(200, refund_entity()))
    assert gateway.refund(REFUND).refund_id == "re_1"
    keys = [call.headers["idempotency-key"] for call in server.received]
    assert keys == ["refund-key-0001", "refund-key-0001.1", "refund-key-0001.2"]


def test_a_fresh_fault_is_unknown_and_not_repeated(server: Server, gateway: Stripe) -> None:
    server.will(answer(500, {"error": {"type": "api_error"}}))
    assert failure_of(lambda: gateway.refund(REFUND)).outcome is Outcome.UNKNOWN
    assert len(server.received) == 1


def test_refunds_are_found_again_without_the_release_of_a_part_capture(server: Server, gateway: Stripe) -> None:
    release = refund_entity(
        id="re_0", metadata={}, balance_transaction={"reporting_category": "partial_capture_reversal"}
    )
    failed = refund_entity(id="re_f", status="failed", balance_transaction=None)
    server.will(listed(release, failed, has_more=True), listed(refund_entity(id="re_ok")))
    found = gateway.refunds_of("pi_1")
    assert [refund.refund_id for refund in found] == ["re_f", "re_ok"]
    server.will(listed(failed, refund_entity(id="re_ok")))
    best = gateway.find_refund("pi_1", "refund-1")
    assert best is not None and best.refund_id == "re_ok"


# --- payouts


def test_a_payouts_rows_are_signed_from_our_side(server: Server, gateway: Stripe) -> None:
    payout = {
        "id": "po_1", "arrival_date": 1767225600, "reconciliation_status": "completed",
        "trace_id": {"status": "supported", "value": "UTR1"},
    }  # fmt: skip
    early = {**payout, "id": "po_0", "arrival_date": 1767139200}
    waiting = {**payout, "id": "po_2", "reconciliation_status": "in_progress"}
    charge = {"id": "ch_1", "payment_intent": "pi_1", "currency": "inr", "metadata": {REFERENCE: "attempt-1"}}
    dollars = {**charge, "payment_intent": "pi_2", "currency": "usd", "amount": 600, "amount_captured": 600}
    refund = {"id": "re_1", "payment_intent": "pi_1", "currency": "inr", "metadata": {REFERENCE: "refund-1"}}
    rows = [
        {**ENTRY, "id": "txn_p", "type": "payout", "reporting_category": "payout", "amount": -1, "fee": 0, "net": -1},
        {**ENTRY, "source": charge},
        {**ENTRY, "id": "txn_2", "source": dollars},
        {**ENTRY, "id": "txn_3", "type": "refund", "reporting_category": "refund", "amount": -20000, "fee": 0,
         "net": -20000, "fee_details": [], "source": refund},
        {**ENTRY, "id": "txn_4", "type": "adjustment", "reporting_category": "dispute", "amount": -5000, "fee": 1500,
         "net": -6500, "fee_details": [], "source": {"id": "du_1", "payment_intent": "pi_1", "currency": "inr"}},
        {**ENTRY, "id": "txn_5", "type": "stripe_fee", "reporting_category": "fee", "amount": -100, "fee": 0,
         "net": -100, "fee_details": [], "source": None},
        {**ENTRY, "id": "txn_6", "type": "refund_failure", "reporting_category": "refund_failure", "amount": 700,
         "fee": 0, "net": 700, "fee_details": [], "source": "re_2"},
    ]  # fmt: skip
    server.will(listed(waiting, payout, early), listed(), listed(*rows))
    lines = gateway.fetch_settlement_lines(date(2025, 12, 31), date(2026, 1, 1))
    assert server.received[0].path == (
        "/v1/payouts?arrival_date%5Bgte%5D=1767139200&arrival_date%5Blte%5D=1767225600&status=paid&limit=100"
    )
    assert ["payout=po_0" in server.received[1].path, "payout=po_1" in server.received[2].path] == [True, True]
    assert [(line.kind, line.gateway_id, minors(line.gross, line.fee, line.net)) for line in lines] == [
        (SettlementKind.PAYMENT, "pi_1", (50000, 1180, 48820)),
        (SettlementKind.PAYMENT, "pi_2", (50000, 1180, 48820)),
        (SettlementKind.REFUND, "re_1", (-20000, 0, -20000)),
        (SettlementKind.DISPUTE, "du_1", (-5000, 1500, -6500)),
        (SettlementKind.FEE, "txn_5", (-100, 0, -100)),
        (SettlementKind.ADJUSTMENT, "re_2", (700, 0, 700)),
    ]
    assert [line.reference for line in lines] == ["attempt-1", "attempt-1", "refund-1", "", "", ""]
    assert (lines[0].presented, lines[1].presented) == (None, Money(600, "USD"))
    assert (lines[0].settlement_id, lines[0].bank_reference, lines[0].tax) == ("po_1", "UTR1", Money(180, "INR"))
    assert lines[3].payment_id == "pi_1"


# --- saved instruments


CHARGE = SavedCharge("cus_1", "pm_1", RUPEES_500, "Plan", "attempt-1", "op-1")


def test_a_saved_card_is_charged_off_session(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, intent_entity()))
    assert gateway.charge_saved(CHARGE).captured == RUPEES_500
    body = form(server)
    assert (body["off_session"], body["confirm"], body["customer"], body["payment_method"]) == (
        "true", "true", "cus_1", "pm_1",
    )  # fmt: skip
    assert server.received[0].headers["idempotency-key"] == "op-1"


def test_a_declined_saved_card_is_a_failed_payment(server: Server, gateway: Stripe) -> None:
    error = {"code": "authentication_required", "decline_code": "authentication_required", "message": "Ask them."}
    intent = intent_entity(status="requires_payment_method", amount_received=0, last_payment_error=error)
    server.will(refusal(402, **error, payment_intent=intent))
    payment = gateway.charge_saved(CHARGE)
    assert (payment.state, payment.error_code) == (PaymentState.FAILED, "authentication_required")


def test_saved_cards_are_shown_by_brand_and_last_digits(server: Server, gateway: Stripe) -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "fingerprint": "f"}
    server.will(listed({"id": "pm_1", "type": "card", "card": card}, {"id": "pm_2", "type": "link"}))
    first, second = gateway.saved_methods("cus_1")
    assert (first.kind, first.brand, first.last4, first.expires) == ("card", "visa", "4242", (2034, 12))
    assert (second.method_id, second.kind, second.last4, second.expires) == ("pm_2", "link", "", None)


def test_removing_a_card_twice_is_no_error(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, {"id": "pm_1"}), refusal(400, code="payment_method_not_attached"), refusal(401))
    gateway.forget_method("pm_1")
    gateway.forget_method("pm_1")
    assert failure_of(lambda: gateway.forget_method("pm_1")).outcome is Outcome.PERMANENT_ACCOUNT


# --- failures


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        (silence, Outcome.UNKNOWN, "timed_out"),
        (reset, Outcome.UNKNOWN, "no_answer"),
        (truncated(200), Outcome.UNKNOWN, "no_answer"),
        (answer(200, b"<html>"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {"object": "refund"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, refund_entity(amount="20000")), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, refund_entity(currency="???")), Outcome.UNKNOWN, "malformed_answer"),
        (answer(302, {}, Location="http://127.0.0.1:1/"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(500, b"oops"), Outcome.UNKNOWN, "http_500"),
        (refusal(503, type="api_error"), Outcome.UNKNOWN, "api_error"),
        (refusal(402, code="card_declined", decline_code="lost_card"), Outcome.PERMANENT_MESSAGE, "lost_card"),
        (refusal(400, code="charge_already_refunded"), Outcome.PERMANENT_MESSAGE, "charge_already_refunded"),
        (refusal(400, type="idempotency_error"), Outcome.PERMANENT_MESSAGE, "idempotency_error"),
        (refusal(404, code="resource_missing"), Outcome.PERMANENT_MESSAGE, "resource_missing"),
        (refusal(401), Outcome.PERMANENT_ACCOUNT, "invalid_request_error"),
        (refusal(403), Outcome.PERMANENT_ACCOUNT, "invalid_request_error"),
        (refusal(409, code="lock_timeout"), Outcome.RETRY, "lock_timeout"),
        (refusal(409, code="idempotency_key_in_use"), Outcome.RETRY, "idempotency_key_in_use"),
        (refusal(429, code="rate_limit"), Outcome.RETRY, "rate_limit"),
        (answer(400, {"error": "text"}), Outcome.PERMANENT_MESSAGE, "http_400"),
    ],
    ids=["silence", "reset", "truncated", "html", "no id", "text amount", "no currency", "redirect", "500", "503",
         "declined", "refunded before", "other parameters", "missing", "wrong key", "forbidden", "locked", "in use",
         "throttled", "odd error"],
)  # fmt: skip
def test_every_failure_of_a_refund_has_its_outcome(
    server: Server, gateway: Stripe, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(behaviour)
    error = failure_of(lambda: gateway.refund(REFUND))
    assert (error.outcome, error.code) == (outcome, code)
    assert len(server.received) == 1


def test_nothing_was_sent_to_a_port_that_refuses() -> None:
    error = failure_of(lambda: open_gateway(RefusingPort().url).create_checkout(REQUEST))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_asking_is_repeated_and_never_in_doubt(server: Server, gateway: Stripe) -> None:
    server.will(answer(500), answer(200, intent_entity()))
    assert gateway.fetch_payment("pi_1").payment_id == "pi_1"
    server.will(answer(200, {"data": "many"}))
    assert failure_of(lambda: gateway.find_order("attempt-1")).outcome is Outcome.RETRY


def test_throttling_says_how_long_to_wait(server: Server, gateway: Stripe) -> None:
    server.will(answer(429, {"error": {"type": "invalid_request_error"}}, Retry_After="30"))
    assert failure_of(lambda: gateway.refund(REFUND)).retry_after == 30


def test_error_texts_hold_no_secret_and_no_contact(server: Server, gateway: Stripe) -> None:
    server.will(
        refusal(400, message="Key sk_test_Console1 of asha@example.org, +91 98765 43210\nis wrong " + "x" * 500)
    )
    message = failure_of(lambda: gateway.refund(REFUND)).message
    for private in ("sk_test_Console1", "asha@", "98765", "\n"):
        assert private not in message


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (answer(200, {"object": "balance", "livemode": False}), ConnectionResult.CONNECTED),
        (refusal(401), ConnectionResult.WRONG_CREDENTIALS),
        (silence, ConnectionResult.TIMED_OUT),
        (answer(200, b"<html>"), ConnectionResult.UNUSABLE),
        (refusal(429), ConnectionResult.BUSY),
    ],
    ids=["connected", "wrong key", "silence", "not Stripe", "busy"],
)
def test_the_connection_test_tells_causes_apart(
    server: Server, gateway: Stripe, behaviour: Behaviour, result: ConnectionResult
) -> None:
    server.will(behaviour)
    assert gateway.test_connection().result is result
    assert server.received[0].path == "/v1/balance"


def test_a_return_says_only_that_it_is_time_to_ask(gateway: Stripe) -> None:
    came = gateway.verify_return("cs_1", {"session_id": "cs_1"})
    assert (came.verified, came.payment_id) == (False, None)
    assert not gateway.capabilities.signed_return
    with pytest.raises(BadSignature):
        gateway.verify_return("cs_1", {"session_id": "cs_2"})


def test_it_is_known_by_its_code() -> None:
    assert gateway_with_code("stripe") is Stripe
    assert "sk_test_Console1" not in repr(open_gateway("http://127.0.0.1:1"))
