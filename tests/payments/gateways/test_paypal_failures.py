from __future__ import annotations

import json

import pytest

from app.core.providers import ConnectionResult, Outcome
from app.payments.gateways import gateway_with_code, paypal_client
from app.payments.gateways.access_tokens import TokenBook
from app.payments.gateways.paypal import PayPal
from app.payments.gateways.paypal_credentials import PayPalCredentials
from tests.payments.gateways.paypal_account import (
    KEYS,
    REFUND,
    REQUEST,
    open_gateway,
    order_entity,
    refund_entity,
    refusal,
    token,
)
from tests.payments.gateways.razorpay_account import failure_of
from tests.scripted_server import Behaviour, RefusingPort, Server, answer, reset, silence, truncated


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paypal_client, "_tokens", TokenBook())


@pytest.fixture
def paypal(server: Server) -> PayPal:
    return open_gateway(server.url)


FAILURES: list[tuple[str, Behaviour, Outcome, str]] = [
    ("silence", silence, Outcome.UNKNOWN, "timed_out"),
    ("reset", reset, Outcome.UNKNOWN, "no_answer"),
    ("truncated", truncated(201), Outcome.UNKNOWN, "no_answer"),
    ("html", answer(201, b"<html>"), Outcome.UNKNOWN, "malformed_answer"),
    ("no links", answer(201, {"id": "ORDER1", "status": "CREATED"}), Outcome.UNKNOWN, "malformed_answer"),
    ("no id", answer(201, {"status": "CREATED"}), Outcome.UNKNOWN, "malformed_answer"),
    ("redirect", answer(302, {}, Location="http://127.0.0.1:1/"), Outcome.UNKNOWN, "malformed_answer"),
    ("html 500", answer(500, b"<html>oops"), Outcome.UNKNOWN, "http_500"),
    ("503", refusal(503, "SERVICE_UNAVAILABLE"), Outcome.UNKNOWN, "SERVICE_UNAVAILABLE"),
    ("408", refusal(408, "TIMEOUT"), Outcome.UNKNOWN, "TIMEOUT"),
    ("409", refusal(409, "PREVIOUS_REQUEST_IN_PROGRESS"), Outcome.UNKNOWN, "PREVIOUS_REQUEST_IN_PROGRESS"),
    ("429", refusal(429, "RATE_LIMIT_REACHED"), Outcome.RETRY, "RATE_LIMIT_REACHED"),
    ("403", refusal(403, "PERMISSION_DENIED"), Outcome.PERMANENT_ACCOUNT, "PERMISSION_DENIED"),
    ("precision", refusal(422, "DECIMAL_PRECISION"), Outcome.PERMANENT_MESSAGE, "DECIMAL_PRECISION"),
    ("no decimals", refusal(422, "DECIMALS_NOT_SUPPORTED"), Outcome.PERMANENT_MESSAGE, "DECIMALS_NOT_SUPPORTED"),
    ("name only", answer(400, {"name": "INVALID_REQUEST"}), Outcome.PERMANENT_MESSAGE, "INVALID_REQUEST"),
    ("text", answer(404, b"no such page"), Outcome.PERMANENT_MESSAGE, "http_404"),
    ("list", answer(400, ["not", "an", "object"]), Outcome.PERMANENT_MESSAGE, "http_400"),
    ("odd details", answer(400, {"details": "none"}), Outcome.PERMANENT_MESSAGE, "http_400"),
]


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"), [item[1:] for item in FAILURES], ids=[item[0] for item in FAILURES]
)
def test_every_failure_of_a_create_has_its_outcome(
    server: Server, paypal: PayPal, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(token(), behaviour)
    error = failure_of(lambda: paypal.create_checkout(REQUEST))
    assert (error.outcome, error.code) == (outcome, code)
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (silence, Outcome.RETRY),
        (reset, Outcome.RETRY),
        (answer(500, b"<html>"), Outcome.RETRY),
        (answer(429, {"name": "RATE_LIMIT_REACHED"}), Outcome.RETRY),
        (answer(200, {"token": "none"}), Outcome.RETRY),
        (answer(401, {"error": "invalid_client"}), Outcome.PERMANENT_ACCOUNT),
    ],
    ids=["silence", "reset", "500", "429", "no token", "wrong secret"],
)
def test_without_a_token_nothing_was_done(
    server: Server, paypal: PayPal, behaviour: Behaviour, outcome: Outcome
) -> None:
    server.will(behaviour)
    assert failure_of(lambda: paypal.refund(REFUND)).outcome is outcome
    assert {call.path for call in server.received} == {"/v1/oauth2/token"}


def test_nothing_was_sent_to_a_port_that_refuses() -> None:
    error = failure_of(lambda: open_gateway(RefusingPort().url).create_checkout(REQUEST))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_asking_is_repeated_and_never_in_doubt(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(500), answer(200, order_entity()))
    assert paypal.fetch_order("ORDER1").order_id == "ORDER1"
    server.will(answer(200, {**order_entity(), "purchase_units": []}))
    assert failure_of(lambda: paypal.fetch_order("ORDER1")).outcome is Outcome.RETRY
    odd = order_entity()
    odd["purchase_units"][0]["amount"]["value"] = "5 dollars"
    server.will(answer(200, odd))
    assert failure_of(lambda: paypal.fetch_order("ORDER1")).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    "issue",
    [
        "CAPTURE_FULLY_REFUNDED",
        "PENDING_CAPTURE",
        "TRANSACTION_DISPUTED",
        "REFUND_AMOUNT_EXCEEDED",
        "REFUND_TIME_LIMIT_EXCEEDED",
    ],
)
def test_a_refused_refund_says_why(server: Server, paypal: PayPal, issue: str) -> None:
    server.will(token(), refusal(422, issue))
    error = failure_of(lambda: paypal.refund(REFUND))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, issue)


def test_a_refund_without_an_amount_may_have_been_paid(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(201, {**refund_entity(), "amount": {"currency_code": "USD", "value": "x"}}))
    assert failure_of(lambda: paypal.refund(REFUND)).outcome is Outcome.UNKNOWN


def test_throttling_says_how_long_to_wait(server: Server, paypal: PayPal) -> None:
    server.will(token(), refusal(429, "RATE_LIMIT_REACHED", Retry_After="30"))
    assert failure_of(lambda: paypal.refund(REFUND)).retry_after == 30


def test_error_texts_hold_no_secret_and_no_contact(server: Server, paypal: PayPal) -> None:
    said = "Secret secret-of-the-app of asha@example.org, +91 98765 43210\nis wrong " + "x" * 500
    server.will(token(), refusal(400, "INVALID", description=said))
    message = failure_of(lambda: paypal.create_checkout(REQUEST)).message
    for private in ("secret-of-the-app", "asha@", "98765", "\n"):
        assert private not in message
    assert message.startswith("Secret ••••") and len(message) <= 300


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (token(), ConnectionResult.CONNECTED),
        (answer(401, {"error": "invalid_client"}), ConnectionResult.WRONG_CREDENTIALS),
        (silence, ConnectionResult.TIMED_OUT),
        (answer(503), ConnectionResult.BUSY),
        (answer(200, b"<html>welcome</html>"), ConnectionResult.UNUSABLE),
        (answer(404, b"nothing here"), ConnectionResult.UNUSABLE),
    ],
    ids=["connected", "wrong key", "time-out", "busy", "another site", "another path"],
)
def test_a_test_call_reads_differently_for_each_cause(
    server: Server, paypal: PayPal, behaviour: Behaviour, result: ConnectionResult
) -> None:
    server.will(behaviour)
    report = paypal.test_connection()
    assert report.result is result
    assert len(server.received) == 1


def test_the_gateway_is_found_by_its_code() -> None:
    assert gateway_with_code("paypal") is PayPal
    assert json.dumps(PayPalCredentials.load(KEYS).masked()).count("secret-of") == 0
