from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import BadSignature, check_hmac_sha256
from app.payments.gateways.base import GatewayNotice, NoticeKind, PaymentState, RefundState
from app.payments.gateways.razorpay import Razorpay, RazorpayCredentials

# Vectors of the vendor's own test suite (R1-R3) and ones the vendor's verifier accepted (R4, R5).
R2 = (
    "EnLs21M47BllR3X8PSFtjtbd",
    "plink_IH3cNucfVEgV68|TSsd1989|paid|pay_IH3d0ara9bSsjQ",
    "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b",
)
R3 = (
    "EnLs21M47BllR3X8PSFtjtbd",
    "pay_IDZNwZZFtnjyym|sub_ID6MOhgkcoHj9I",
    "601f383334975c714c91a7d97dd723eb56520318355863dcf3821c0d07a17693",
)
R5_SECRET = "whsec_razor_test"
R5_BODY = (
    b'{"entity":"event","event":"payment.captured","payload":{"payment":{"entity":'
    b'{"id":"pay_1","amount":100,"status":"captured"}}}}'
)
R5_SIGNATURE = "a6fb8eb96f2065df54dc89639fe85a976ec17d0c8dd5f8099516997ceda4068b"


def gateway(key_secret: str = "key_secret", **secrets: str) -> Razorpay:
    return Razorpay(RazorpayCredentials.load({"key_id": "rzp_test_abc", "key_secret": key_secret, **secrets}))


def returned(order_id: str, payment_id: str, signature: str) -> dict[str, str]:
    return {"razorpay_order_id": order_id, "razorpay_payment_id": payment_id, "razorpay_signature": signature}


@pytest.mark.parametrize(
    ("secret", "order_id", "payment_id", "signature"),
    [
        (
            "key_secret",
            "fake_order_id",
            "fake_payment_id",
            "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89",
        ),
        (
            "test_key_secret",
            "order_IluGWxBm9U8zJ8",
            "pay_IH4NVgf4Dreq1l",
            "34e54fc403561b4f9bd4df51fe30b7c8f9d614d823e82a8e4389a8669f5af0b2",
        ),
    ],
    ids=["R1", "R4"],
)
def test_the_vendors_return_signatures_verify(secret: str, order_id: str, payment_id: str, signature: str) -> None:
    result = gateway(secret).verify_return(order_id, returned(order_id, payment_id, signature))
    assert (result.verified, result.payment_id) == (True, payment_id)
    with pytest.raises(BadSignature):
        gateway(secret + "x").verify_return(order_id, returned(order_id, payment_id, signature))
    with pytest.raises(BadSignature):
        gateway(secret).verify_return(order_id, returned(order_id, payment_id + "x", signature))


@pytest.mark.parametrize("vector", [R2, R3], ids=["R2", "R3"])
def test_the_vendors_other_flows_use_the_same_rule(vector: tuple[str, str, str]) -> None:
    secret, message, signature = vector
    check_hmac_sha256(message.encode(), signature, [secret])
    with pytest.raises(BadSignature):
        check_hmac_sha256(message.encode() + b" ", signature, [secret])


@pytest.mark.parametrize("signature", ["", "é", "0" * 64, "B2335E", "\udcff"])
def test_a_return_with_another_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        gateway().verify_return("fake_order_id", returned("fake_order_id", "fake_payment_id", signature))


def test_a_return_counts_for_the_stored_order_only() -> None:
    mine = returned(
        "fake_order_id", "fake_payment_id", "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89"
    )
    with pytest.raises(BadSignature):
        gateway().verify_return("another_order", mine)
    with pytest.raises(BadSignature):
        gateway().verify_return("another_order", {k: v for k, v in mine.items() if k != "razorpay_order_id"})
    with pytest.raises(BadSignature):
        gateway().verify_return("fake_order_id", {})


@pytest.mark.parametrize(
    "metadata",
    [
        {"error[metadata]": '{"payment_id":"pay_9","order_id":"order_1"}'},
        {"error[metadata][payment_id]": "pay_9"},
    ],
)
def test_a_failed_return_is_shown_and_proves_nothing(metadata: Mapping[str, str]) -> None:
    params = {
        "error[code]": "BAD_REQUEST_ERROR",
        "error[description]": "Payment failed",
        "error[reason]": "payment_cancelled",
    }
    result = gateway().verify_return("order_1", {**params, **metadata})
    assert (result.verified, result.payment_id) == (False, "pay_9")
    assert (result.error_code, result.error_text) == ("payment_cancelled", "Payment failed")


def test_a_failed_return_with_odd_metadata_is_still_a_failure() -> None:
    result = gateway().verify_return("order_1", {"error[code]": "X" * 200, "error[metadata]": "["})
    assert (result.verified, result.payment_id, len(result.error_code)) == (False, None, 64)


# --- webhooks


def signed(raw: bytes, secret: str = "hook", **headers: str) -> dict[str, str]:
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {"X-Razorpay-Signature": signature, "x-razorpay-event-id": "evt_1", **headers}


def notice(event: str, **payload: Any) -> GatewayNotice:
    entities = {name: {"entity": entity} for name, entity in payload.items()}
    raw = json.dumps({"event": event, "payload": entities, "created_at": 1767225600}).encode()
    return gateway(webhook_secret="hook").verify_webhook(raw, signed(raw))


PAYMENT = {"id": "pay_1", "amount": 50000, "currency": "INR", "status": "captured", "captured": True}
PAYMENT["order_id"] = "order_1"
REFUND = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 20000, "currency": "INR", "status": "processed"}


def test_the_vendors_webhook_vector_verifies_over_raw_bytes() -> None:
    headers = {"X-Razorpay-Signature": R5_SIGNATURE}
    read = gateway(webhook_secret=R5_SECRET).verify_webhook(R5_BODY, headers)
    assert (read.event, read.kind, read.payment_id) == ("payment.captured", NoticeKind.PAYMENT, "pay_1")
    assert read.payment is None  # its entity names no currency: the payment must be fetched
    assert read.event_id == "sha256:" + hashlib.sha256(R5_BODY).hexdigest()
    with pytest.raises(BadSignature):
        gateway(webhook_secret=R5_SECRET).verify_webhook(json.dumps(json.loads(R5_BODY)).encode(), headers)


@pytest.mark.parametrize("at", [0, 60, len(R5_BODY) - 1])
def test_one_changed_byte_is_refused(at: int) -> None:
    changed = R5_BODY[:at] + bytes([R5_BODY[at] ^ 1]) + R5_BODY[at + 1 :]
    with pytest.raises(BadSignature):
        gateway(webhook_secret=R5_SECRET).verify_webhook(changed, {"X-Razorpay-Signature": R5_SIGNATURE})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Razorpay-Signature": ""},
        {"X-Razorpay-Signature": "é" * 64},
        {"X-Razorpay-Signature": R5_SIGNATURE.upper()},
        {"X-Razorpay-Signature": R5_SIGNATURE + " "},
        {"X-Razorpay-Signature": R5_SIGNATURE[:-1]},
    ],
    ids=["missing", "empty", "non-ASCII", "upper case", "trailing blank", "short"],
)
def test_a_webhook_without_the_right_signature_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        gateway(webhook_secret=R5_SECRET).verify_webhook(R5_BODY, headers)


def test_without_a_webhook_secret_nothing_verifies() -> None:
    empty = hmac.new(b"", R5_BODY, hashlib.sha256).hexdigest()
    for secrets in ({}, {"webhook_secret": ""}):
        with pytest.raises(BadSignature):
            gateway(**secrets).verify_webhook(R5_BODY, {"X-Razorpay-Signature": empty})


def test_the_key_secret_signs_no_webhook() -> None:
    with pytest.raises(BadSignature):
        gateway("hook", webhook_secret="other").verify_webhook(R5_BODY, signed(R5_BODY, "hook"))


def test_both_secrets_count_while_one_is_being_replaced() -> None:
    rotated = gateway(webhook_secret="new", previous_webhook_secret="old")
    assert rotated.verify_webhook(R5_BODY, signed(R5_BODY, "old")).event_id == "evt_1"
    assert rotated.verify_webhook(R5_BODY, signed(R5_BODY, "new")).event_id == "evt_1"
    with pytest.raises(BadSignature):
        gateway(webhook_secret="new").verify_webhook(R5_BODY, signed(R5_BODY, "old"))


def test_two_events_of_one_success_carry_the_same_snapshot() -> None:
    captured = notice("payment.captured", payment=PAYMENT)
    paid = notice("order.paid", payment=PAYMENT, order={"id": "order_1"})
    assert captured.payment == paid.payment
    assert captured.kind is paid.kind is NoticeKind.PAYMENT
    assert captured.order_id == paid.order_id == "order_1"
    assert captured.payment is not None and captured.payment.captured == Money(50000, "INR")
    assert captured.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "changes", "state"),
    [
        ("payment.authorized", {"status": "authorized", "captured": False}, PaymentState.AUTHORIZED),
        ("payment.failed", {"status": "failed", "captured": False}, PaymentState.FAILED),
    ],
)
def test_other_payment_events_carry_their_snapshot(event: str, changes: dict[str, Any], state: PaymentState) -> None:
    read = notice(event, payment={**PAYMENT, **changes})
    assert read.payment is not None and read.payment.state is state


def test_refund_created_may_be_processed_already() -> None:
    read = notice("refund.created", refund=REFUND, payment=PAYMENT)
    assert read.kind is NoticeKind.REFUND
    assert read.refund is not None and read.refund.state is RefundState.SETTLED
    assert not read.automatic_refund


def test_a_refund_of_what_was_never_captured_is_a_void() -> None:
    payment = {**PAYMENT, "status": "refunded", "captured": False, "amount_refunded": 50000}
    read = notice("refund.processed", refund={**REFUND, "amount": 50000}, payment=payment)
    assert read.automatic_refund
    assert read.payment is not None and read.payment.state is PaymentState.VOIDED


def test_a_dispute_stands_beside_the_payment() -> None:
    dispute = {"id": "disp_1", "payment_id": "pay_1", "amount": 50000, "currency": "INR", "status": "open"}
    read = notice("payment.dispute.created", payment=PAYMENT, dispute={**dispute, "respond_by": 1767225600})
    assert read.kind is NoticeKind.DISPUTE
    assert read.dispute is not None and read.dispute.state == "open"
    assert read.dispute.respond_by == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("settlement.processed", NoticeKind.SETTLEMENT),
        ("payment_link.paid", NoticeKind.PAYMENT),
        ("invoice.paid", NoticeKind.OTHER),
        ("", NoticeKind.OTHER),
    ],
)
def test_events_are_sorted_by_what_they_are_about(event: str, kind: NoticeKind) -> None:
    assert notice(event).kind is kind


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"\xff", b"[" * 50_000, b'{"event":1,"payload":[]}', b'{"event":"payment.captured"}']
    + [b'{"event":"payment.captured","created_at":1e400,"payload":{"payment":{"entity":"x"}}}'],
    ids=range(8),
)
def test_a_signed_body_that_is_not_understood_is_still_a_notice(raw: bytes) -> None:
    read = gateway(webhook_secret="hook").verify_webhook(raw, signed(raw))
    assert (read.event_id, read.payment, read.payment_id) == ("evt_1", None, None)
