"""PhonePe's wire: what is sent, and what its answers mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.money import Money
from app.core.providers import Outcome
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import ORDER_EXPIRED, OrderState, PaymentState, RefundState, SettlementKind
from app.payments.gateways.phonepe import PhonePe
from tests.payments.gateways.phonepe_account import (
    OPENED,
    REFUND,
    REQUEST,
    RUPEES_500,
    attempt,
    order,
    paths,
    refund,
    refusal,
)
from tests.payments.gateways.razorpay_account import failure_of
from tests.scripted_server import Behaviour, Server, answer, reset, silence, truncated


def test_it_is_found_by_its_code_and_says_what_it_can_do() -> None:
    assert gateway_with_code("phonepe") is PhonePe
    able = PhonePe.capabilities
    assert (able.manual_capture, able.partial_capture, able.void, able.partial_refund) == (False, False, False, True)
    assert (able.signed_webhook, able.signed_return, able.idempotent_refund, able.lists_refunds) == (
        False,
        False,
        True,
        False,
    )


# --- orders and the hosted page


def test_a_checkout_is_an_order_and_the_address_of_its_page(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, OPENED))
    checkout = phonepe.create_checkout(REQUEST)
    assert paths(server) == ["POST /checkout/v2/pay"]
    assert server.received[0].json() == {
        "merchantOrderId": "attempt-1",
        "amount": 50000,
        "expireAfter": 3600,
        "paymentFlow": {
            "type": "PG_CHECKOUT",
            "message": "Visit",
            "merchantUrls": {"redirectUrl": "https://console.test/return"},
        },
    }
    assert (checkout.order_id, checkout.method, checkout.url) == ("attempt-1", "GET", OPENED["redirectUrl"])


def test_nothing_blank_is_sent(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, OPENED))
    phonepe.create_checkout(replace(REQUEST, description="  "))
    assert "message" not in server.received[0].json()["paymentFlow"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Money(99, "INR")}, "amount_too_small"),
        ({"amount": Money(0, "INR")}, "amount_too_small"),
        ({"amount": Money(50000, "USD")}, "currency_not_supported"),
        ({"amount": Money(50000, "JPY")}, "currency_not_supported"),
        ({"reference": ""}, "invalid_reference"),
        ({"reference": "x" * 64}, "invalid_reference"),
        ({"reference": "a/b"}, "invalid_reference"),
        ({"manual_capture": True}, "not_supported"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_phonepe_cannot_take_is_refused_before_a_call(
    server: Server, phonepe: PhonePe, changes: dict[str, Any], code: str
) -> None:
    error = failure_of(lambda: phonepe.create_checkout(replace(REQUEST, **changes)))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


def test_the_least_amount_is_a_rupee() -> None:
    assert PhonePe.to_wire(Money(100, "INR")) == 100
    assert PhonePe.from_wire(1050, "INR") == Money(1050, "INR")


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        (silence, Outcome.UNKNOWN, "timed_out"),
        (reset, Outcome.UNKNOWN, "no_answer"),
        (truncated(200), Outcome.UNKNOWN, "no_answer"),
        (answer(200, b"<html>"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {"orderId": "OMO1"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {**OPENED, "redirectUrl": "javascript:alert(1)"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(302, {}, Location="http://127.0.0.1:1/"), Outcome.UNKNOWN, "malformed_answer"),
        (refusal(500, "INTERNAL_SERVER_ERROR"), Outcome.UNKNOWN, "INTERNAL_SERVER_ERROR"),
        (answer(503, b"busy"), Outcome.UNKNOWN, "http_503"),
        (refusal(400), Outcome.PERMANENT_MESSAGE, "BAD_REQUEST"),
        (refusal(409, "CONFLICT"), Outcome.PERMANENT_MESSAGE, "CONFLICT"),
        (refusal(417, "EXPECTATION_FAILED"), Outcome.PERMANENT_MESSAGE, "EXPECTATION_FAILED"),
        (refusal(403, "FORBIDDEN"), Outcome.PERMANENT_ACCOUNT, "FORBIDDEN"),
        (refusal(400, "AUTHORIZATION_FAILED"), Outcome.PERMANENT_ACCOUNT, "AUTHORIZATION_FAILED"),
        (refusal(429, "TOO_MANY_REQUESTS"), Outcome.RETRY, "TOO_MANY_REQUESTS"),
    ],
    ids=range(15),
)
def test_a_failed_order_says_whether_it_may_have_been_opened(
    server: Server, phonepe: PhonePe, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(behaviour)
    error = failure_of(lambda: phonepe.create_checkout(REQUEST))
    assert (error.outcome, error.code) == (outcome, code)
    assert paths(server) == ["POST /checkout/v2/pay"]


def test_an_open_order_gets_the_page_that_was_told_when_it_was_opened(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt(state="FAILED"))))
    resumed = phonepe.resume_checkout("attempt-1", replace(REQUEST, page_url=OPENED["redirectUrl"]))
    assert (resumed.method, resumed.url) == ("GET", OPENED["redirectUrl"])
    assert paths(server) == ["GET /checkout/v2/order/attempt-1/status?details=true&errorContext=true"]


def test_a_paid_order_leads_back_to_us(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt(), state="COMPLETED")))
    assert phonepe.resume_checkout("attempt-1", REQUEST).url == REQUEST.callback_url


@pytest.mark.parametrize(
    ("state", "page_url"),
    [("FAILED", "https://a.test"), ("EXPIRED", "https://a.test"), ("PENDING", "")],
    ids=["failed", "expired", "its page is not known"],
)
def test_an_order_that_nobody_can_pay_needs_another_one(
    server: Server, phonepe: PhonePe, state: str, page_url: str
) -> None:
    server.will(answer(200, order(state=state)))
    error = failure_of(lambda: phonepe.resume_checkout("attempt-1", replace(REQUEST, page_url=page_url)))
    assert error.code == ORDER_EXPIRED


@pytest.mark.parametrize(
    ("document", "state", "paid"),
    [
        (order(), OrderState.OPEN, 0),
        (order(attempt(state="PENDING")), OrderState.ATTEMPTED, 0),
        (order(attempt(), state="COMPLETED"), OrderState.PAID, 50000),
        (order(attempt(state="FAILED"), state="FAILED"), OrderState.EXPIRED, 0),
        (order(state="SOMETHING_NEW"), OrderState.OPEN, 0),
        ({**order(), "paymentDetails": None}, OrderState.OPEN, 0),
        ({"state": "PENDING", "amount": 50000}, OrderState.OPEN, 0),
    ],
    ids=["open", "attempted", "paid", "failed", "new word", "no attempts", "bare"],
)
def test_an_order_is_read_into_our_states(
    server: Server, phonepe: PhonePe, document: dict[str, Any], state: OrderState, paid: int
) -> None:
    server.will(answer(200, document))
    read = phonepe.fetch_order("attempt-1")
    assert (read.state, read.paid, read.reference, read.amount) == (state, Money(paid, "INR"), "attempt-1", RUPEES_500)


@pytest.mark.parametrize(
    "document",
    [
        order(merchantOrderId="another"),
        order(amount="50000"),
        order(amount=50000.0),
        order(attempt(amount=None)),
        {"merchantOrderId": "attempt-1"},
        [],
    ],
    ids=["another order", "text", "fraction", "no amount", "nothing", "list"],
)
def test_an_answer_without_its_essentials_says_nothing(server: Server, phonepe: PhonePe, document: object) -> None:
    server.will(answer(200, document))
    assert failure_of(lambda: phonepe.fetch_order("attempt-1")).code == "malformed_answer"


def test_an_order_that_was_never_opened_is_none(server: Server, phonepe: PhonePe) -> None:
    server.will(refusal(404, "ORDER_NOT_FOUND"))
    assert phonepe.find_order("attempt-1") is None
    server.will(refusal(400, "INVALID_MERCHANT_ORDER_ID"))
    assert phonepe.find_order("attempt-1") is None
    server.will(refusal(400))
    assert failure_of(lambda: phonepe.find_order("attempt-1")).outcome is Outcome.PERMANENT_MESSAGE


# --- attempts


@pytest.mark.parametrize(
    ("changes", "state", "captured", "method"),
    [
        ({}, PaymentState.CAPTURED, 50000, "upi"),
        ({"paymentMode": "CARD"}, PaymentState.CAPTURED, 50000, "card"),
        ({"paymentMode": "NET_BANKING"}, PaymentState.CAPTURED, 50000, "netbanking"),
        ({"paymentMode": "MOON_PAY"}, PaymentState.CAPTURED, 50000, "moon_pay"),
        ({"state": "PENDING", "paymentMode": None}, PaymentState.PENDING, 0, ""),
        ({"state": "AUTHORIZED"}, PaymentState.PENDING, 0, "upi"),
        ({"state": "FAILED"}, PaymentState.FAILED, 0, "upi"),
        ({"feeAmount": 500, "payableAmount": 50500}, PaymentState.CAPTURED, 50000, "upi"),
    ],
    ids=["paid", "card", "bank", "unknown mode", "pending", "mandate", "failed", "with a fee of the payer's"],
)
def test_an_attempt_is_read_into_our_states_and_sums(
    server: Server, phonepe: PhonePe, changes: dict[str, Any], state: PaymentState, captured: int, method: str
) -> None:
    server.will(answer(200, order(attempt(**changes))))
    payment = phonepe.fetch_payment("OM1")
    assert paths(server) == ["GET /checkout/v2/transaction/OM1/status"]
    assert (payment.state, payment.captured, payment.method) == (state, Money(captured, "INR"), method)
    assert (payment.order_id, payment.fee, payment.refunded) == ("attempt-1", None, Money(0, "INR"))
    assert payment.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failed_attempt_says_why(server: Server, phonepe: PhonePe) -> None:
    reason = {"errorCode": "PAYMENT_ERROR", "detailedErrorCode": "ZM", "errorContext": {"description": "Wrong PIN"}}
    server.will(answer(200, order(attempt(state="FAILED", **reason))))
    payment = phonepe.fetch_payment("OM1")
    assert (payment.error_code, payment.error_text) == ("ZM", "Wrong PIN")


def test_attempts_are_told_oldest_first(server: Server, phonepe: PhonePe) -> None:
    late = attempt(transactionId="OM2", timestamp=1767225700000)
    server.will(answer(200, order(late, attempt(state="FAILED"), state="COMPLETED")))
    assert [payment.payment_id for payment in phonepe.fetch_order("attempt-1").payments] == ["OM1", "OM2"]


def test_an_attempt_that_is_not_in_its_order_is_not_found(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt(transactionId="OM2"))))
    assert failure_of(lambda: phonepe.fetch_payment("OM1")).code == "not_found"


def test_nothing_can_be_captured(server: Server, phonepe: PhonePe) -> None:
    assert failure_of(lambda: phonepe.capture("OM1", RUPEES_500)).code == "not_supported"
    assert server.received == []


# --- refunds


def test_a_refund_names_the_order_behind_the_payment_and_is_pending(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt())), answer(200, {"refundId": "OMR1", "amount": 20000, "state": "PENDING"}))
    made = phonepe.refund(REFUND)
    assert paths(server)[1] == "POST /payments/v2/refund"
    assert server.received[1].json() == {
        "merchantRefundId": "refund-1",
        "originalMerchantOrderId": "attempt-1",
        "amount": 20000,
    }
    assert (made.refund_id, made.state, made.order_id, made.reference) == (
        "refund-1",
        RefundState.PENDING,
        "attempt-1",
        "refund-1",
    )


def test_a_repeated_refund_answers_with_the_first(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt())), refusal(400, "INVALID_TRANSACTION_ID"), answer(200, refund()))
    assert phonepe.refund(REFUND).refund_id == "refund-1"
    assert paths(server)[2] == "GET /payments/v2/refund/refund-1/status"


@pytest.mark.parametrize(
    "known",
    [answer(404, {}), answer(200, refund(amount=10000)), answer(200, refund(originalMerchantOrderId="other"))],
    ids=["unknown", "another amount", "another order"],
)
def test_a_refused_refund_stays_refused(server: Server, phonepe: PhonePe, known: Behaviour) -> None:
    server.will(answer(200, order(attempt())), refusal(400, "INVALID_TRANSACTION_ID"), known)
    error = failure_of(lambda: phonepe.refund(REFUND))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, "INVALID_TRANSACTION_ID")


def test_a_refund_that_could_not_be_prepared_was_not_sent(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(500, b""))
    assert failure_of(lambda: phonepe.refund(REFUND)).outcome is Outcome.RETRY
    assert {call.method for call in server.received} == {"GET"}


@pytest.mark.parametrize("behaviour", [silence, answer(500, b""), answer(200, {"refundId": "x"})], ids=range(3))
def test_a_refund_without_an_answer_is_unknown(server: Server, phonepe: PhonePe, behaviour: Behaviour) -> None:
    server.will(answer(200, order(attempt())), behaviour)
    assert failure_of(lambda: phonepe.refund(REFUND)).outcome is Outcome.UNKNOWN


def test_less_than_a_rupee_is_not_refunded(server: Server, phonepe: PhonePe) -> None:
    server.will(answer(200, order(attempt())))
    error = failure_of(lambda: phonepe.refund(replace(REFUND, amount=Money(99, "INR"))))
    assert error.code == "amount_too_small"


@pytest.mark.parametrize(
    ("changes", "state", "bank"),
    [
        ({}, RefundState.PENDING, ""),
        ({"state": "CONFIRMED"}, RefundState.PENDING, ""),
        ({"state": "COMPLETED", "splitInstruments": [{"rail": {"utr": "5867"}}]}, RefundState.SETTLED, "5867"),
        ({"state": "COMPLETED", "rail": {"upiTransactionId": "YBL5"}}, RefundState.SETTLED, "YBL5"),
        ({"state": "COMPLETED", "paymentDetails": [{"rail": {"utr": "77"}}, "x"]}, RefundState.SETTLED, "77"),
        ({"state": "FAILED", "merchantRefundId": None}, RefundState.FAILED, ""),
        ({"state": "NEW_WORD"}, RefundState.PENDING, ""),
    ],
    ids=range(7),
)
def test_a_refund_is_read_into_our_states(
    server: Server, phonepe: PhonePe, changes: dict[str, Any], state: RefundState, bank: str
) -> None:
    server.will(answer(200, refund(**changes)))
    read = phonepe.fetch_refund("refund-1")
    assert (read.state, read.bank_reference, read.amount) == (state, bank, Money(20000, "INR"))
    assert (read.refund_id, read.order_id, read.payment_id) == ("refund-1", "attempt-1", "")


def test_a_refund_that_was_never_sent_is_none(server: Server, phonepe: PhonePe) -> None:
    server.will(refusal(404))
    assert phonepe.find_refund("OM1", "refund-1") is None
    assert phonepe.refunds_of("OM1") == ()


# --- settlements


def test_payouts_are_listed_by_indian_days_page_by_page(server: Server, phonepe: PhonePe) -> None:
    first = {"state": "PROCESSED", "settlementId": "a-b", "utr": "U1", "date": 1767225600000}
    failed = {"state": "ATTEMPT_FAILED", "settlementId": "c-d", "date": 1767225600000}
    second = {"state": "PROCESSED", "settlementId": "e-f", "utr": "U2", "date": 1767220000000}
    status = {"state": "PROCESSED", "amount": 97640}
    server.will(
        answer(200, {"settlements": [first, failed], "hasNext": True}),
        answer(200, {"settlements": [second], "hasNext": False}),
        answer(200, {**status, "settlementId": "a-b", "utr": "U1"}),
        answer(200, {**status, "settlementId": "e-f", "utr": None}),
    )
    lines = phonepe.fetch_settlement_lines(date(2026, 1, 1), date(2026, 1, 1))
    asked = [parse_qs(urlsplit(call.path).query) for call in server.received[:2]]
    day = {"from": ["1767205800000"], "to": ["1767292199999"], "limit": ["40"]}
    assert asked == [{**day, "offset": ["0"]}, {**day, "offset": ["40"]}]
    assert [(line.settlement_id, line.net, line.bank_reference) for line in lines] == [
        ("e-f", Money(97640, "INR"), "U2"),
        ("a-b", Money(97640, "INR"), "U1"),
    ]
    assert {line.kind for line in lines} == {SettlementKind.PAYOUT}
