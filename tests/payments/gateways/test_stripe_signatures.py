"""Stripe's webhook signature over raw bytes: the vendor's vectors, and everything that must be refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe as vendor

from app.core import clock
from app.core.money import Money
from app.core.providers import BadSignature
from app.payments.gateways.base import GatewayNotice, NoticeKind, PaymentState, RefundState
from app.payments.gateways.stripe import Stripe, StripeCredentials
from app.payments.gateways.stripe_wire import REFERENCE
from tests.payments.gateways.stripe_account import charge_entity, intent_entity, refund_entity, session_entity

# S1: the vector of the vendor's own test suite, an event of 484 bytes laid out over lines, with a final line feed.
S1_EVENT = {
    "id": "evt_123", "object": "event", "account": "acct_123", "api_version": "2017-05-25", "created": 1533204620,
    "data": {"object": {"id": "cus_123", "object": "customer", "created": 123456789, "email": "test@stripe.com",
                        "livemode": False, "metadata": {}}},
    "livemode": False, "pending_webhooks": 1,
    "request": {"id": "req_123", "idempotency_key": "idempotency-key-123"}, "type": "customer.created",
}  # fmt: skip
S1 = (
    "webhook_secret", 1533204620, json.dumps(S1_EVENT, indent=2).encode() + b"\n",
    "2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7",
)  # fmt: skip
# S2: made for these tests' notes and accepted by the vendor's verifier.
S2 = (
    "whsec_test_secret", 1700000000,
    b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1",'
    b'"object":"payment_intent","amount":1099,"currency":"usd","status":"succeeded"}}}',
    "9b183cc9d66c5ce7c806214b956af74781df55988d91b83ec2106505bd8c6ae0",
)  # fmt: skip
Vector = tuple[str, int, bytes, str]
both = pytest.mark.parametrize("vector", [S1, S2], ids=["S1", "S2"])


def gateway(secret: str = "whsec_x", **more: str) -> Stripe:
    return Stripe(StripeCredentials.load({"secret_key": "sk_test_x", "webhook_secret": secret, **more}))


def verify(vector: Vector, header: str | None = None, body: bytes | None = None) -> GatewayNotice:
    secret, at, raw, signature = vector
    headers = {"Stripe-Signature": f"t={at},v1={signature}" if header is None else header}
    return gateway(secret).verify_webhook(raw if body is None else body, headers)


def at_time(vector: Vector, off: float = 0) -> Any:
    return clock.travel(datetime.fromtimestamp(vector[1] + off, UTC) - clock.now())


def signed(raw: bytes, *secrets: str, at: float | None = None) -> dict[str, str]:
    """The header as the vendor's own SDK makes it."""
    moment = int(clock.now().timestamp() if at is None else at)
    made = [hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest() for secret in secrets]
    return {"stripe-signature": ",".join([f"t={moment}", *(f"v1={one}" for one in made)])}


def notice(name: str, entity: dict[str, Any]) -> GatewayNotice:
    event = {"id": "evt_9", "object": "event", "type": name, "created": 1767225600, "data": {"object": entity}}
    raw = json.dumps(event).encode()
    return gateway().verify_webhook(raw, signed(raw, "whsec_x"))


def test_the_vectors_are_the_vendors() -> None:
    assert (len(S1[2]), len(S2[2])) == (484, 175)
    assert hashlib.sha256(S1[2]).hexdigest() == "98cc89412549ca7faf118fca984763bdb6f81e13d1ce8c528dbbb5be602ec1be"


@both
def test_a_vector_verifies_in_its_own_time(vector: Vector) -> None:
    with at_time(vector):
        assert verify(vector).event_id in ("evt_123", "evt_1")


@both
@pytest.mark.parametrize("off", [-298, -60, 60, 298])
def test_five_minutes_either_way_are_believed(vector: Vector, off: int) -> None:
    with at_time(vector, off):
        assert verify(vector).event


@both
@pytest.mark.parametrize(
    "off", [302, 3600, -302, -3600, -(10**8)], ids=["old", "an hour", "ahead", "hours ahead", "far"]
)
def test_too_old_and_too_far_in_the_future_are_refused(vector: Vector, off: int) -> None:
    with at_time(vector, off), pytest.raises(BadSignature):
        verify(vector)


@both
def test_today_both_are_too_old(vector: Vector) -> None:
    with pytest.raises(BadSignature):
        verify(vector)


@both
@pytest.mark.parametrize("part", [0, 0.5, 1], ids=["first", "middle", "last"])
def test_one_changed_byte_is_refused(vector: Vector, part: float) -> None:
    raw = vector[2]
    at = round(part * (len(raw) - 1))
    with at_time(vector), pytest.raises(BadSignature):
        verify(vector, body=raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


@both
def test_the_same_json_written_anew_does_not_verify(vector: Vector) -> None:
    with at_time(vector), pytest.raises(BadSignature):
        verify(vector, body=json.dumps(json.loads(vector[2])).encode())


@pytest.mark.parametrize(
    "header",
    [
        "", "t=1700000000", f"v1={S2[3]}", f"t=,v1={S2[3]}", f"t=x,v1={S2[3]}", f"t=-1700000000,v1={S2[3]}",
        f"t=1700000000,v0={S2[3]}", f"t=1700000000,v1={S2[3].upper()}", f"t=1700000000,v1={S2[3][:-1]}",
        f"t=1700000001,v1={S2[3]}", f"t=1700000000,t=1700000000,v1={S2[3]}", f"t=1700000000;v1={S2[3]}",
        "t=1700000000,v1=" + "é" * 64, "t=1700000000,v1=" + "0" * 5000, f"t=٣,v1={S2[3]}",
    ],
    ids=["none", "no signature", "no time", "empty time", "a word", "negative", "only v0", "upper case", "short",
         "another time", "two times", "semicolon", "non-ASCII", "endless", "other digits"],
)  # fmt: skip
def test_a_header_that_proves_nothing_is_refused(header: str) -> None:
    with at_time(S2), pytest.raises(BadSignature):
        verify(S2, header)


def test_a_missing_header_and_a_missing_secret_prove_nothing() -> None:
    raw = S2[2]
    with at_time(S2):
        with pytest.raises(BadSignature):
            gateway(S2[0]).verify_webhook(raw, {})
        unset = Stripe(StripeCredentials.load({"secret_key": "sk_test_x"}))
        with pytest.raises(BadSignature):
            unset.verify_webhook(raw, signed(raw, ""))


def test_of_several_signatures_one_that_holds_is_enough() -> None:
    with at_time(S2):
        assert verify(S2, f"t=1700000000,v1={'0' * 64},v1={S2[3]},v0=abc").event == "payment_intent.succeeded"


def test_both_secrets_count_while_one_is_replaced() -> None:
    raw = S2[2]
    rotated = gateway("whsec_new", previous_webhook_secret="whsec_old")
    for secrets in (("whsec_new",), ("whsec_old",), ("whsec_other", "whsec_old")):
        assert rotated.verify_webhook(raw, signed(raw, *secrets)).event_id == "evt_1"
    with pytest.raises(BadSignature):
        gateway("whsec_new").verify_webhook(raw, signed(raw, "whsec_old"))


def test_what_the_vendors_sdk_signs_we_verify_and_what_it_accepts_from_the_future_we_do_not() -> None:
    raw = S2[2]
    header = vendor.WebhookSignature.generate_signature_header(raw.decode(), "whsec_x")
    assert gateway().verify_webhook(raw, {"Stripe-Signature": header}).event_id == "evt_1"
    ahead = signed(raw, "whsec_x", at=(clock.now() + timedelta(days=1)).timestamp())
    assert vendor.Webhook.construct_event(raw, ahead["stripe-signature"], "whsec_x").id == "evt_1"
    with pytest.raises(BadSignature):
        gateway().verify_webhook(raw, ahead)


# --- what an event says


def test_a_paid_intent_is_a_captured_payment_found_by_our_reference() -> None:
    read = notice("payment_intent.succeeded", intent_entity(latest_charge="ch_1"))
    assert (read.kind, read.payment_id, read.order_id, read.reference) == (
        NoticeKind.PAYMENT, "pi_1", None, "attempt-1",
    )  # fmt: skip
    assert read.payment is not None and read.payment.captured == Money(50000, "INR")
    assert read.payment.fee is None  # a notice does not carry it: asking does
    assert read.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_paid_session_proves_the_payment_too_and_an_unpaid_one_does_not() -> None:
    paid = notice("checkout.session.completed", session_entity(payment_status="paid", payment_intent="pi_1"))
    assert (paid.order_id, paid.payment_id) == ("cs_1", "pi_1")
    assert paid.payment is not None and paid.payment.state is PaymentState.CAPTURED
    for status in ("unpaid", "no_payment_required"):
        unpaid = notice("checkout.session.completed", session_entity(payment_status=status, payment_intent="pi_1"))
        assert (unpaid.kind, unpaid.payment) == (NoticeKind.PAYMENT, None)


@pytest.mark.parametrize(
    ("name", "changes", "state"),
    [
        ("payment_intent.amount_capturable_updated", {"status": "requires_capture", "amount_received": 0},
         PaymentState.AUTHORIZED),
        ("payment_intent.payment_failed",
         {"status": "requires_payment_method", "amount_received": 0, "last_payment_error": {"code": "card_declined"}},
         PaymentState.FAILED),
        ("payment_intent.processing", {"status": "processing", "amount_received": 0}, PaymentState.PENDING),
        ("payment_intent.requires_action", {"status": "requires_action", "amount_received": 0}, PaymentState.PENDING),
    ],
    ids=["reserved", "declined", "processing", "3-D Secure"],
)  # fmt: skip
def test_other_intent_events_carry_their_snapshot(name: str, changes: dict[str, Any], state: PaymentState) -> None:
    read = notice(name, intent_entity(latest_charge="ch_1", **changes))
    assert read.payment is not None and read.payment.state is state


def test_a_cancelled_intent_must_be_asked_about_for_only_its_charge_tells_a_void() -> None:
    read = notice("payment_intent.canceled", intent_entity(status="canceled", amount_received=0, latest_charge="ch_1"))
    assert (read.kind, read.payment_id, read.payment) == (NoticeKind.PAYMENT, "pi_1", None)


@pytest.mark.parametrize("name", ["charge.refunded", "charge.expired"])
def test_a_charge_that_went_back_is_a_reason_to_ask(name: str) -> None:
    entity = charge_entity(payment_intent="pi_1", metadata={REFERENCE: "attempt-1"})
    read = notice(name, entity)
    assert (read.kind, read.payment_id, read.payment) == (NoticeKind.PAYMENT, "pi_1", None)


@pytest.mark.parametrize(
    ("name", "status", "state"),
    [
        ("refund.created", "pending", RefundState.PENDING),
        ("refund.updated", "succeeded", RefundState.SETTLED),
        ("refund.failed", "failed", RefundState.FAILED),
        ("charge.refund.updated", "canceled", RefundState.FAILED),
        ("refund.updated", "requires_action", RefundState.PENDING),
    ],
)
def test_refund_events_carry_the_refund(name: str, status: str, state: RefundState) -> None:
    read = notice(name, refund_entity(status=status))
    assert (read.kind, read.payment_id) == (NoticeKind.REFUND, "pi_1")
    assert read.refund is not None
    assert (read.refund.state, read.refund.reference) == (state, "refund-1")


def test_a_refund_that_we_did_not_ask_for_must_be_asked_about() -> None:
    read = notice("refund.created", refund_entity(metadata={}))
    assert (read.kind, read.payment_id, read.refund) == (NoticeKind.REFUND, "pi_1", None)


@pytest.mark.parametrize(
    ("status", "state", "phase"),
    [
        ("needs_response", "open", "chargeback"), ("under_review", "under_review", "chargeback"),
        ("won", "won", "chargeback"), ("lost", "lost", "chargeback"),
        ("warning_needs_response", "open", "inquiry"), ("warning_closed", "closed", "inquiry"),
        ("appeal_under_review", "under_review", "appeal"), ("prevented", "closed", "chargeback"),
    ],
)  # fmt: skip
def test_a_dispute_stands_beside_the_payment(status: str, state: str, phase: str) -> None:
    entity = {
        "id": "du_1", "payment_intent": "pi_1", "amount": 50000, "currency": "inr", "status": status,
        "reason": "fraudulent", "evidence_details": {"due_by": 1767225600},
    }  # fmt: skip
    read = notice("charge.dispute.updated", entity)
    assert (read.kind, read.payment_id) == (NoticeKind.DISPUTE, "pi_1")
    assert read.dispute is not None
    assert (read.dispute.state, read.dispute.phase, read.dispute.reason) == (state, phase, "fraudulent")
    assert read.dispute.respond_by == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "entity", "kind"),
    [
        ("payout.paid", {"id": "po_1"}, NoticeKind.SETTLEMENT),
        ("customer.created", {"id": "cus_1"}, NoticeKind.OTHER),
        ("charge.succeeded", charge_entity(metadata={REFERENCE: "attempt-1"}), NoticeKind.OTHER),
        ("payment_intent.succeeded", intent_entity(metadata={}), NoticeKind.OTHER),
        ("checkout.session.completed", session_entity(metadata={}, mode="setup"), NoticeKind.OTHER),
        ("", {}, NoticeKind.OTHER),
    ],
    ids=["payout", "customer", "charge", "another program's intent", "saved card", "nameless"],
)
def test_what_is_not_about_our_payments_is_set_aside(name: str, entity: dict[str, Any], kind: NoticeKind) -> None:
    assert notice(name, entity).kind is kind


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"\xff", b"[" * 50_000, b'{"type":1,"data":[]}', b'{"type":"payment_intent.succeeded"}']
    + [b'{"type":"payment_intent.succeeded","created":1e400,"data":{"object":"x"}}'],
    ids=range(8),
)
def test_a_signed_body_that_is_not_understood_is_still_a_notice(raw: bytes) -> None:
    read = gateway().verify_webhook(raw, signed(raw, "whsec_x"))
    assert (read.event_id, read.payment) == ("sha256:" + hashlib.sha256(raw).hexdigest(), None)
