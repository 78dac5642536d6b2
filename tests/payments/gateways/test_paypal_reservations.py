from __future__ import annotations

from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import Outcome
from app.payments.gateways import paypal_client
from app.payments.gateways.access_tokens import TokenBook
from app.payments.gateways.base import (
    PaymentState,
    RefundState,
)
from app.payments.gateways.paypal import PayPal
from tests.payments.gateways.paypal_account import (
    DOLLARS_500,
    REFUND,
    amount,
    authorization_entity,
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


# --- reservations


def reservation(status: str, *values: str, **more: Any) -> dict[str, Any]:
    """An order of intent AUTHORIZE with captures of these values."""
    captures = [capture_entity(f"CAP{at}", value=value) for at, value in enumerate(values, 1)]
    return order_entity(
        "COMPLETED", "AUTHORIZE", authorizations=[authorization_entity(status=status)], captures=captures, **more
    )


@pytest.mark.parametrize(
    ("order", "state", "sums"),
    [
        (reservation("CREATED"), PaymentState.AUTHORIZED, (50000, 0, 0, 0)),
        (reservation("PENDING"), PaymentState.PENDING, (0, 0, 0, 0)),
        (reservation("DENIED"), PaymentState.FAILED, (0, 0, 0, 0)),
        (reservation("PARTIALLY_CAPTURED", "100.00"), PaymentState.CAPTURED, (50000, 10000, 0, 0)),
        (reservation("PARTIALLY_CAPTURED", "100.00", "50.00"), PaymentState.CAPTURED, (50000, 15000, 0, 0)),
        (reservation("CAPTURED", "100.00", "50.00"), PaymentState.CAPTURED, (50000, 15000, 0, 35000)),
        (reservation("CAPTURED", "500.00"), PaymentState.CAPTURED, (50000, 50000, 0, 0)),
        (reservation("CAPTURED", "510.00"), PaymentState.CAPTURED, (51000, 51000, 0, 0)),
        (reservation("VOIDED"), PaymentState.VOIDED, (50000, 0, 0, 50000)),
        (reservation("VOIDED", "100.00"), PaymentState.CAPTURED, (50000, 10000, 0, 40000)),
        (
            reservation("CAPTURED", "200.00", refunds=[refund_entity()]),
            PaymentState.REFUNDED,
            (50000, 20000, 20000, 30000),
        ),
    ],
    ids=[
        "reserved", "pending", "denied", "a part", "two parts", "two parts, the last final", "whole", "above", "voided",
        "the rest voided", "refunded",
    ],
)  # fmt: skip
def test_a_reservation_is_one_payment_with_all_its_captures(
    server: Server, paypal: PayPal, order: dict[str, Any], state: PaymentState, sums: tuple[int, ...]
) -> None:
    server.will(token(), answer(200, order))
    (payment,) = paypal.fetch_order("ORDER1").payments
    assert (payment.payment_id, payment.state) == ("AUTH1", state)
    told = (payment.authorized, payment.captured, payment.refunded, payment.voided)
    assert tuple(money.minor for money in told) == sums


def test_a_reauthorisation_is_the_same_money_under_a_new_id(server: Server, paypal: PayPal) -> None:
    old = authorization_entity("AUTH1", "VOIDED")
    new = authorization_entity("AUTH2", "CREATED", create_time="2026-01-19T10:00:00Z")
    order = order_entity("COMPLETED", "AUTHORIZE", authorizations=[new, old])
    captured = order_entity(
        "COMPLETED", "AUTHORIZE", authorizations=[old, {**new, "status": "CAPTURED"}], captures=[capture_entity()]
    )
    server.will(
        token(),
        refusal(404, "INVALID_RESOURCE_ID"), answer(200, old), answer(200, order),
        answer(201, capture_entity()),
        refusal(404, "INVALID_RESOURCE_ID"), answer(200, old), answer(200, captured),
    )  # fmt: skip
    payment = paypal.capture("AUTH1", DOLLARS_500, key="operation-1")
    assert server.received[4].path == "/v2/payments/authorizations/AUTH2/capture"
    assert (payment.payment_id, payment.captured) == ("AUTH1", DOLLARS_500)


@pytest.mark.parametrize("final", [True, False])
def test_a_part_says_whether_it_is_the_last(server: Server, paypal: PayPal, final: bool) -> None:
    missing, auth = refusal(404, "INVALID_RESOURCE_ID"), answer(200, authorization_entity())
    after = answer(200, reservation("CAPTURED" if final else "PARTIALLY_CAPTURED", "100.00"))
    server.will(
        token(), missing, auth, answer(200, reservation("CREATED")), answer(201, capture_entity()), missing, auth, after
    )
    payment = paypal.capture("AUTH1", dollars("100"), key="operation-1", final=final)
    sent = server.received[4]
    assert sent.headers["paypal-request-id"] == "operation-1"
    assert sent.json() == {"amount": amount("100.00"), "final_capture": final, "invoice_id": "operation-1"}
    assert (payment.captured, payment.voided) == (dollars("100"), dollars("400") if final else dollars("0"))


@pytest.mark.parametrize("done", [answer(204), refusal(422, "PREVIOUSLY_VOIDED")], ids=["voided", "voided before"])
def test_a_void_lets_the_reservation_go(server: Server, paypal: PayPal, done: Any) -> None:
    missing, auth = refusal(404, "INVALID_RESOURCE_ID"), answer(200, authorization_entity())
    server.will(
        token(), missing, auth, answer(200, reservation("CREATED")), done, missing, auth,
        answer(200, reservation("VOIDED")),
    )  # fmt: skip
    payment = paypal.void("AUTH1", key="operation-1")
    assert server.received[4].path == "/v2/payments/authorizations/AUTH1/void"
    assert (payment.state, payment.voided) == (PaymentState.VOIDED, DOLLARS_500)


def test_what_was_captured_cannot_be_voided(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(200, capture_entity()), answer(200, order_entity(captures=[capture_entity()])))
    assert failure_of(lambda: paypal.void("CAP1")).code == "nothing_reserved"


# --- refunds


def test_a_refund_carries_its_key_and_reference(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(201, refund_entity()))
    refund = paypal.refund(REFUND)
    sent = server.received[1]
    assert (sent.path, sent.headers["paypal-request-id"]) == ("/v2/payments/captures/CAP1/refund", "refund-key-0001")
    assert sent.json() == {"amount": amount("200.00"), "custom_id": "refund-1"}
    assert (refund.refund_id, refund.payment_id, refund.state) == ("REF1", "CAP1", RefundState.SETTLED)
    assert (refund.amount, refund.reference) == (dollars("200"), "refund-1")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", RefundState.PENDING),
        ("COMPLETED", RefundState.SETTLED),
        ("FAILED", RefundState.FAILED),
        ("CANCELLED", RefundState.FAILED),
        ("NEW_WORD", RefundState.PENDING),
    ],
)
def test_a_refund_is_read_into_our_states(server: Server, paypal: PayPal, status: str, state: RefundState) -> None:
    order = order_entity(captures=[capture_entity()], refunds=[refund_entity(status=status)])
    server.will(token(), answer(200, refund_entity(status=status)), answer(200, capture_entity()), answer(200, order))
    assert paypal.fetch_refund("REF1").state is state


def test_a_reservation_is_refunded_from_a_part_with_enough_left(server: Server, paypal: PayPal) -> None:
    order = reservation("CAPTURED", "150.00", "300.00", refunds=[refund_entity("REF0", value="50.00", capture="CAP2")])
    missing, auth = refusal(404, "INVALID_RESOURCE_ID"), answer(200, authorization_entity())
    server.will(token(), missing, missing, auth, answer(200, order), answer(201, refund_entity(capture="CAP2")))
    refund = paypal.refund(type(REFUND)("AUTH1", dollars("200"), "refund-key-0001", "refund-1"))
    assert server.received[-1].path == "/v2/payments/captures/CAP2/refund"
    assert refund.payment_id == "AUTH1"
    server.will(missing, missing, auth, answer(200, order))
    error = failure_of(lambda: paypal.refund(type(REFUND)("AUTH1", dollars("260"), "refund-key-0002", "refund-2")))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, "larger_than_each_part")


def test_refunds_are_found_again_by_reference(server: Server, paypal: PayPal) -> None:
    refunds = [refund_entity("REF0", status="FAILED"), refund_entity("REF1"), refund_entity("REF2", custom_id="other")]
    order = order_entity(captures=[capture_entity()], refunds=refunds)
    server.will(token(), answer(200, capture_entity()), answer(200, order))
    found = paypal.find_refund("CAP1", "refund-1")
    assert found is not None and found.refund_id == "REF1"
