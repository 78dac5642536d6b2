"""What may go wrong with a call to Stripe, and what each failure means for its caller."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from app.core.money import Money
from app.core.providers import BadSignature, ConnectionResult, Outcome
from app.payments.gateways import gateway_with_code
from app.payments.gateways.stripe import Stripe
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import (
    REFUND,
    REQUEST,
    intent_entity,
    open_gateway,
    refund_entity,
    refusal,
)
from tests.scripted_server import Behaviour, RefusingPort, Server, answer, reset, silence, truncated


@pytest.fixture
def gateway(server: Server) -> Stripe:
    return open_gateway(server.url)


def form(server: Server, at: int = 0) -> dict[str, str]:
    return dict(parse_qsl(server.received[at].body.decode()))


def minors(*amounts: Money) -> tuple[int, ...]:
    return tuple(amount.minor for amount in amounts)


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
