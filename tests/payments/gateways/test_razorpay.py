from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import Outcome
from app.payments.gateways.base import CheckoutRequest, OrderState, PaymentState, RefundState
from app.payments.gateways.razorpay import Razorpay
from tests.payments.gateways.razorpay_account import (
    ORDER,
    PAISE_500,
    REFUND,
    REQUEST,
    failure_of,
    payment_entity,
    refund_entity,
    refusal,
)
from tests.scripted_server import Server, answer

# --- orders and the hosted page


def test_a_checkout_is_an_order_and_a_form_for_the_hosted_page(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, ORDER))
    checkout = razorpay.create_checkout(REQUEST)
    sent = server.received[0]
    assert (sent.method, sent.path) == ("POST", "/v1/orders")
    assert sent.headers["authorization"].startswith("Basic ")
    body = sent.json()
    assert (body["amount"], body["currency"], body["receipt"]) == (50000, "INR", "attempt-1")
    assert body["payment"] == {
        "capture": "automatic",
        "capture_options": {"automatic_expiry_period": 4320, "manual_expiry_period": 4320},
    }
    assert (checkout.order_id, checkout.method) == ("order_1", "POST")
    assert checkout.url == server.url + "/v1/checkout/embedded"
    assert checkout.fields["order_id"] == "order_1"
    assert checkout.fields["key_id"] == "rzp_test_abc"
    assert checkout.fields["callback_url"] == "https://console.test/return"
    assert checkout.fields["prefill[contact]"] == "+919876543210"
    assert "secret-of-the-key" not in str(checkout)


def test_manual_capture_is_asked_for_per_order(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, ORDER))
    razorpay.create_checkout(
        CheckoutRequest("r", PAISE_500, "Visit", "https://a.test", "https://b.test", manual_capture=True)
    )
    assert server.received[0].json()["payment"]["capture"] == "manual"


def test_an_existing_order_gets_its_page_without_a_call(server: Server, razorpay: Razorpay) -> None:
    checkout = razorpay.resume_checkout("order_9", REQUEST)
    assert checkout.fields["order_id"] == "order_9"
    assert server.received == []


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Money(0, "INR"), "amount_not_positive"),
        (Money(-1, "INR"), "amount_not_positive"),
        (Money(1234, "KWD"), "amount_too_precise"),
        (Money(1234, "LYD"), "amount_too_precise"),
    ],
)
def test_amounts_the_gateway_cannot_take_are_refused_before_a_call(
    server: Server, razorpay: Razorpay, amount: Money, code: str
) -> None:
    request = CheckoutRequest("r", amount, "Visit", "https://a.test", "https://b.test")
    error = failure_of(lambda: razorpay.create_checkout(request))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


@pytest.mark.parametrize("reference", ["", "x" * 41])
def test_a_reference_fits_the_receipt_field(server: Server, razorpay: Razorpay, reference: str) -> None:
    request = CheckoutRequest(reference, PAISE_500, "Visit", "https://a.test", "https://b.test")
    assert failure_of(lambda: razorpay.create_checkout(request)).code == "invalid_reference"
    assert server.received == []


@pytest.mark.parametrize(
    ("amount", "units"),
    [(Money(1050, "INR"), 1050), (Money(1050, "JPY"), 1050), (Money(1230, "KWD"), 1230), (Money(1050, "MGA"), 1050)],
)
def test_amounts_cross_the_wire_in_the_gateways_own_unit(amount: Money, units: int) -> None:
    assert Razorpay.to_wire(amount) == units
    assert Razorpay.from_wire(units, amount.currency) == amount


def test_decimals_belong_to_gateway_and_currency() -> None:
    assert [Razorpay.exponent(code) for code in ("INR", "JPY", "ISK", "UGX", "MGA", "OMR", "LYD")] == [
        2, 0, 0, 0, 2, 3, 2,
    ]  # fmt: skip
    assert Razorpay.from_wire(105, "LYD") == Money(1050, "LYD")


def test_an_order_is_found_again_by_its_receipt_after_an_ambiguous_call(server: Server, razorpay: Razorpay) -> None:
    other, twin = {**ORDER, "id": "order_0", "receipt": "attempt-10"}, {**ORDER, "id": "order_2", "status": "paid"}
    attempts = {"items": [payment_entity(id="pay_2"), payment_entity(id="pay_1", status="failed", created_at=1)]}
    server.will(
        answer(200, {"items": [other, ORDER, twin]}), answer(200, {**twin, "amount_paid": 50000}), answer(200, attempts)
    )
    found = razorpay.find_order("attempt-1")
    assert found is not None
    assert (found.order_id, found.state, found.paid) == ("order_2", OrderState.PAID, PAISE_500)
    assert [payment.payment_id for payment in found.payments] == ["pay_1", "pay_2"]
    assert server.received[0].path == "/v1/orders?receipt=attempt-1&count=100"


def test_an_order_that_was_never_opened_is_none(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, {"items": []}))
    assert razorpay.find_order("attempt-1") is None


# --- payments: what each status means


@pytest.mark.parametrize(
    ("changes", "state", "sums"),
    [
        ({"status": "created", "captured": False}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"status": "authorized", "captured": False}, PaymentState.AUTHORIZED, (50000, 0, 0, 0)),
        ({}, PaymentState.CAPTURED, (50000, 50000, 0, 0)),
        ({"amount_refunded": 20000, "refund_status": "partial"}, PaymentState.CAPTURED, (50000, 50000, 20000, 0)),
        ({"amount_refunded": 50000, "refund_status": "full"}, PaymentState.REFUNDED, (50000, 50000, 50000, 0)),
        ({"status": "refunded", "amount_refunded": 50000}, PaymentState.REFUNDED, (50000, 50000, 50000, 0)),
        (
            {"status": "refunded", "captured": False, "amount_refunded": 50000},
            PaymentState.VOIDED,
            (50000, 0, 0, 50000),
        ),
        ({"status": "failed", "captured": False}, PaymentState.FAILED, (0, 0, 0, 0)),
        ({"status": "something_new", "captured": False}, PaymentState.PENDING, (0, 0, 0, 0)),
        ({"amount_refunded": None, "method": None}, PaymentState.CAPTURED, (50000, 50000, 0, 0)),
    ],
)
def test_a_payment_is_read_into_our_states_and_sums(
    server: Server, razorpay: Razorpay, changes: dict[str, Any], state: PaymentState, sums: tuple[int, ...]
) -> None:
    server.will(answer(200, payment_entity(**changes)))
    payment = razorpay.fetch_payment("pay_1")
    assert payment.state is state
    assert (payment.authorized, payment.captured, payment.refunded, payment.voided) == tuple(
        Money(minor, "INR") for minor in sums
    )
    assert payment.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failed_payment_says_why_and_may_still_come_back(server: Server, razorpay: Razorpay) -> None:
    server.will(
        answer(
            200,
            payment_entity(
                status="failed",
                captured=False,
                error_code="BAD_REQUEST_ERROR",
                error_reason="incorrect_otp",
                error_description="The OTP was wrong",
            ),
        )
    )
    payment = razorpay.fetch_payment("pay_1")
    assert (payment.error_code, payment.error_text) == ("incorrect_otp", "The OTP was wrong")
    assert razorpay.capabilities.late_success == timedelta(days=3)


def test_fees_of_a_foreign_payment_are_in_the_settlement_currency(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, payment_entity(currency="USD", amount=1000, base_currency="INR", base_amount=83000)))
    payment = razorpay.fetch_payment("pay_1")
    assert (payment.amount, payment.fee, payment.tax) == (Money(1000, "USD"), Money(1180, "INR"), Money(180, "INR"))


def test_capture_sends_amount_and_currency(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, payment_entity()))
    assert razorpay.capture("pay_1", PAISE_500).captured == PAISE_500
    assert server.received[0].path == "/v1/payments/pay_1/capture"
    assert server.received[0].json() == {"amount": 50000, "currency": "INR"}


def test_capturing_what_is_captured_answers_with_the_payment(server: Server, razorpay: Razorpay) -> None:
    server.will(refusal(400, description="This payment has already been captured"), answer(200, payment_entity()))
    assert razorpay.capture("pay_1", PAISE_500).state is PaymentState.CAPTURED


def test_a_refused_capture_stays_refused(server: Server, razorpay: Razorpay) -> None:
    server.will(refusal(400, reason="capture_failed"), answer(200, payment_entity(status="failed", captured=False)))
    error = failure_of(lambda: razorpay.capture("pay_1", PAISE_500))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, "capture_failed")


# --- refunds


def test_a_refund_carries_its_key_and_reference(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, refund_entity()))
    refund = razorpay.refund(REFUND)
    assert server.received[0].headers["x-refund-idempotency"] == "refund-key-0001"
    assert server.received[0].json() == {"amount": 20000, "speed": "normal", "receipt": "refund-1"}
    assert (refund.refund_id, refund.state, refund.amount) == ("rfnd_1", RefundState.SETTLED, Money(20000, "INR"))
    assert refund.bank_reference == "10000000000000"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("processed", RefundState.SETTLED),
        ("failed", RefundState.FAILED),
        ("new_word", RefundState.PENDING),
    ],
)
def test_a_refund_is_read_into_our_states(server: Server, razorpay: Razorpay, status: str, state: RefundState) -> None:
    server.will(answer(200, refund_entity(status=status, acquirer_data=[])))
    assert razorpay.fetch_refund("rfnd_1").state is state


def test_a_refund_is_found_again_by_its_reference(server: Server, razorpay: Razorpay) -> None:
    full = [refund_entity(id=f"rfnd_{n}", receipt=f"other-{n}") for n in range(100)]
    server.will(
        answer(200, {"items": full}),
        answer(200, {"items": [refund_entity(id="rfnd_f", status="failed"), refund_entity(id="rfnd_ok")]}),
    )
    found = razorpay.find_refund("pay_1", "refund-1")
    assert found is not None and found.refund_id == "rfnd_ok"
    assert [call.path for call in server.received] == [
        "/v1/payments/pay_1/refunds?count=100&skip=0",
        "/v1/payments/pay_1/refunds?count=100&skip=100",
    ]


def test_a_refund_that_was_never_sent_is_none(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(200, {"items": []}))
    assert razorpay.find_refund("pay_1", "refund-1") is None
