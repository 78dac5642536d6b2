from __future__ import annotations

import json

import pytest

from app.core.providers import ConnectionResult, Outcome
from app.payments.gateways import gateway_with_code
from app.payments.gateways.razorpay import Razorpay, RazorpayCredentials
from tests.payments.gateways.razorpay_account import (
    KEYS,
    ORDER,
    REFUND,
    REQUEST,
    failure_of,
    open_gateway,
    payment_entity,
    refusal,
)
from tests.scripted_server import Behaviour, RefusingPort, Server, answer, reset, silence, truncated


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        (silence, Outcome.UNKNOWN, "timed_out"),
        (reset, Outcome.UNKNOWN, "no_answer"),
        (truncated(200), Outcome.UNKNOWN, "no_answer"),
        (answer(200, b"<html>"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {"id": "order_1"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {**ORDER, "amount": "500"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {**ORDER, "currency": "???"}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(302, {}, Location="http://127.0.0.1:1/"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(500, b"oops"), Outcome.UNKNOWN, "http_500"),
        (refusal(502, code="SERVER_ERROR"), Outcome.UNKNOWN, "SERVER_ERROR"),
        (refusal(400, code="GATEWAY_ERROR", reason="bank_technical_error"), Outcome.UNKNOWN, "bank_technical_error"),
        (refusal(408), Outcome.UNKNOWN, "BAD_REQUEST_ERROR"),
        (refusal(409), Outcome.RETRY, "BAD_REQUEST_ERROR"),
        (refusal(429), Outcome.RETRY, "BAD_REQUEST_ERROR"),
        (refusal(401), Outcome.PERMANENT_ACCOUNT, "BAD_REQUEST_ERROR"),
        (refusal(403), Outcome.PERMANENT_ACCOUNT, "BAD_REQUEST_ERROR"),
        (refusal(400, reason="input_validation_failed"), Outcome.PERMANENT_MESSAGE, "input_validation_failed"),
        (answer(404, b"no such page"), Outcome.PERMANENT_MESSAGE, "http_404"),
        (answer(400, ["not", "an", "object"]), Outcome.PERMANENT_MESSAGE, "http_400"),
        (answer(400, {"error": "text"}), Outcome.PERMANENT_MESSAGE, "http_400"),
    ],
    ids=lambda value: str(getattr(value, "__name__", value)),
)
def test_every_failure_of_a_create_has_its_outcome(
    server: Server, razorpay: Razorpay, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(behaviour)
    error = failure_of(lambda: razorpay.create_checkout(REQUEST))
    assert (error.outcome, error.code) == (outcome, code)
    assert len(server.received) == 1


def test_nothing_was_sent_to_a_port_that_refuses() -> None:
    error = failure_of(lambda: open_gateway(RefusingPort().url).create_checkout(REQUEST))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_asking_is_repeated_and_never_in_doubt(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(500), answer(200, payment_entity()))
    assert razorpay.fetch_payment("pay_1").payment_id == "pay_1"
    server.will(answer(200, {"items": "many"}))
    assert failure_of(lambda: razorpay.find_order("attempt-1")).outcome is Outcome.RETRY


def test_throttling_says_how_long_to_wait(server: Server, razorpay: Razorpay) -> None:
    server.will(answer(429, {"error": {"code": "BAD_REQUEST_ERROR"}}, Retry_After="30"))
    assert failure_of(lambda: razorpay.refund(REFUND)).retry_after == 30


def test_error_texts_hold_no_secret_and_no_contact(server: Server, razorpay: Razorpay) -> None:
    said = "Key secret-of-the-key of asha@example.org, +91 98765 43210\nis wrong " + "x" * 500
    server.will(refusal(400, description=said))
    message = failure_of(lambda: razorpay.create_checkout(REQUEST)).message
    for private in ("secret-of-the-key", "asha@", "98765", "\n"):
        assert private not in message
    assert message.startswith("Key ••••") and len(message) <= 300


# --- the test connection


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (answer(200, {"items": []}), ConnectionResult.CONNECTED),
        (refusal(401, description="Authentication failed"), ConnectionResult.WRONG_CREDENTIALS),
        (silence, ConnectionResult.TIMED_OUT),
        (answer(503), ConnectionResult.BUSY),
        (answer(200, b"<html>welcome</html>"), ConnectionResult.UNUSABLE),
        (answer(404, b"nothing here"), ConnectionResult.UNUSABLE),
    ],
    ids=["connected", "wrong key", "time-out", "busy", "another site", "another path"],
)
def test_a_test_call_reads_differently_for_each_cause(
    server: Server, razorpay: Razorpay, behaviour: Behaviour, result: ConnectionResult
) -> None:
    server.will(behaviour)
    report = razorpay.test_connection()
    assert report.result is result
    assert report.ok is (result is ConnectionResult.CONNECTED)


def test_an_unreachable_gateway_reads_differently_again() -> None:
    report = open_gateway(RefusingPort().url).test_connection()
    assert report.result is ConnectionResult.UNREACHABLE
    assert "could not be reached" in report.text


def test_the_gateway_is_found_by_its_code() -> None:
    assert gateway_with_code("razorpay") is Razorpay
    assert json.dumps(RazorpayCredentials.load(KEYS).masked()).count("secret-of") == 0
