"""PhonePe's JSON read into our words. Unknown fields and values are ignored, as PhonePe asks of merchants; a document
without its essentials is a ValueError.

Facts (developer.phonepe.com, Standard Checkout v2, and the vendor's Python SDK): sums are whole paise of INR, times are
epoch milliseconds. One order can have several attempts (`paymentDetails`), of which at most one is COMPLETED. What
PhonePe keeps of our money and how much was refunded is told by neither orders nor notices; `payableAmount` and
`feeAmount` are about what the payer pays on top. In notices `event` and `payload.state` count; `type` is being retired.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictInt
from pydantic.alias_generators import to_camel

from app.core.money import Money
from app.core.providers import unix_time
from app.payments.gateways.base import (
    GatewayNotice,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NoticeKind,
    OrderState,
    PaymentState,
    RefundState,
    SettlementKind,
    SettlementLine,
)

CURRENCY = "INR"
REFERENCE = 36  # the id of a payment of ours; a later order of the same one has a number after it
INDIA = timezone(timedelta(hours=5, minutes=30))
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]

_ATTEMPT_STATES = {"COMPLETED": PaymentState.CAPTURED, "FAILED": PaymentState.FAILED}
# EXPIRED stands in the vendor's test data, not in the documentation.
_ORDER_STATES = {"COMPLETED": OrderState.PAID, "FAILED": OrderState.EXPIRED, "EXPIRED": OrderState.EXPIRED}
_REFUND_STATES = {"COMPLETED": RefundState.SETTLED, "FAILED": RefundState.FAILED}  # PENDING, CONFIRMED: under way
_METHODS = {
    "UPI_COLLECT": "upi",
    "UPI_INTENT": "upi",
    "UPI_QR": "upi",
    "PPE_INTENT": "upi",
    "CARD": "card",
    "TOKEN": "card",
    "NET_BANKING": "netbanking",
}


class _Document(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        defer_build=True,
    )


class Attempt(_Document):
    transaction_id: str
    amount: StrictInt
    state: str
    timestamp: int | None = None
    payment_mode: Text = ""
    error_code: Text = ""
    detailed_error_code: Text = ""
    error_context: Any = None


class Order(_Document):
    state: str
    amount: StrictInt
    merchant_order_id: Text = ""
    payment_details: list[Any] | None = None


class Refund(_Document):
    original_merchant_order_id: str
    amount: StrictInt
    state: str
    merchant_refund_id: Text = ""
    timestamp: int | None = None
    error_code: Text = ""
    detailed_error_code: Text = ""


class Opened(_Document):
    """The answer to an order that was opened; the address of its page is told nowhere else."""

    order_id: str
    redirect_url: str


class Started(_Document):
    """The answer to a refund that was asked for: always PENDING first."""

    refund_id: str
    amount: StrictInt
    state: str


class Listed(_Document):
    """A payout in the list by date: without its amount."""

    settlement_id: str
    state: str
    date: StrictInt
    utr: Text = ""


class Payouts(_Document):
    settlements: list[Listed]
    has_next: bool = False


class Settlement(_Document):
    settlement_id: str
    state: str
    amount: StrictInt
    utr: Text = ""


def read_order(document: Any, asked_for: str = "") -> GatewayOrder:
    """`asked_for` is the merchant order id of the question; an answer about another one is a ValueError."""
    wire = Order.model_validate(document)
    order_id = wire.merchant_order_id or asked_for
    if not order_id or (asked_for and order_id != asked_for):
        raise ValueError("the answer is about another order")
    attempts = sorted((Attempt.model_validate(item) for item in wire.payment_details or []), key=_moment)
    amount = Money(wire.amount, CURRENCY)
    state = _ORDER_STATES.get(wire.state, OrderState.ATTEMPTED if attempts else OrderState.OPEN)
    return GatewayOrder(
        order_id=order_id,
        reference=order_id,
        state=state,
        amount=amount,
        paid=amount if state is OrderState.PAID else Money.zero(CURRENCY),
        payments=tuple(_payment(attempt, order_id) for attempt in attempts),
    )


def _payment(attempt: Attempt, order_id: str) -> GatewayPayment:
    amount, nothing = Money(attempt.amount, CURRENCY), Money.zero(CURRENCY)
    state = _ATTEMPT_STATES.get(attempt.state, PaymentState.PENDING)
    taken = amount if state is PaymentState.CAPTURED else nothing
    failed = state is PaymentState.FAILED
    return GatewayPayment(
        payment_id=attempt.transaction_id,
        order_id=order_id,
        state=state,
        amount=amount,
        authorized=taken,
        captured=taken,
        refunded=nothing,
        voided=nothing,
        method=_METHODS.get(attempt.payment_mode, attempt.payment_mode.lower())[:30],
        error_code=(attempt.detailed_error_code or attempt.error_code) if failed else "",
        error_text=_reason(attempt) if failed else "",
        created_at=moment_of(attempt.timestamp),
    )


def _reason(attempt: Attempt) -> str:
    context = attempt.error_context
    text = context.get("description") if isinstance(context, dict) else None
    return text if isinstance(text, str) else ""


def _moment(attempt: Attempt) -> int:
    """Of two in the same millisecond the later one is listed later: a sort keeps that."""
    return attempt.timestamp or 0


def moment_of(milliseconds: object) -> datetime | None:
    """An epoch time in milliseconds; None for anything else."""
    return unix_time(milliseconds // 1000) if isinstance(milliseconds, int) else None


def read_refund(document: Any, asked_for: str = "") -> GatewayRefund:
    """Refunds are told by order: which attempt paid it stands in the order."""
    wire = Refund.model_validate(document)
    refund_id = wire.merchant_refund_id or asked_for
    if not refund_id or (asked_for and refund_id != asked_for):
        raise ValueError("the answer is about another refund")
    return GatewayRefund(
        refund_id=refund_id,
        payment_id="",
        state=_REFUND_STATES.get(wire.state, RefundState.PENDING),
        amount=Money(wire.amount, CURRENCY),
        reference=refund_id,
        bank_reference=next(_bank_references(document), ""),
        created_at=moment_of(wire.timestamp),
        order_id=wire.original_merchant_order_id,
        failure=wire.detailed_error_code or wire.error_code,
    )


def read_payout(payout: Settlement, listed: Listed) -> SettlementLine:
    """A payout as a whole: its fees were kept before, and are told nowhere."""
    amount, nothing = Money(payout.amount, CURRENCY), Money.zero(CURRENCY)
    return SettlementLine(
        settlement_id=listed.settlement_id,
        kind=SettlementKind.PAYOUT,
        gateway_id=listed.settlement_id,
        gross=amount,
        fee=nothing,
        tax=nothing,
        net=amount,
        settled_at=moment_of(listed.date) or datetime.fromtimestamp(0, UTC),
        bank_reference=payout.utr or listed.utr,
    )


def _bank_references(document: Any) -> Iterator[str]:
    """What a bank can look up, wherever this version of the document has its rails."""
    parts = [document]
    for name in ("splitInstruments", "paymentDetails"):
        listed = document.get(name)
        parts += listed if isinstance(listed, list) else []
    for part in parts:
        rail = _object(_object(part).get("rail"))
        yield from (rail[name] for name in ("utr", "upiTransactionId") if _text(rail.get(name)))


# ---- notices ----


def read_notice(raw: bytes, *, protected: bool) -> GatewayNotice:
    """A v2 webhook. Without a signature over its body (`protected`) it only says what to ask about."""
    envelope = _json_object(raw)
    event, payload = _text(envelope.get("event")), _object(envelope.get("payload"))
    kind = _kind(event)
    order_id = _text(payload.get("originalMerchantOrderId")) or _text(payload.get("merchantOrderId"))
    refund_id = _text(payload.get("merchantRefundId"))
    payment = _snapshot(payload) if kind is NoticeKind.PAYMENT else None
    subject = refund_id if kind is NoticeKind.REFUND else order_id or _text(payload.get("settlementId"))
    known_by = (event, subject, _text(payload.get("state")), payment.payment_id if payment else "")
    return GatewayNotice(
        event_id=_event_id(known_by, raw, protected),
        event=event,
        kind=kind,
        occurred_at=payment.created_at if payment else moment_of(payload.get("timestamp")),
        order_id=order_id or None,
        payment_id=payment.payment_id if payment else None,
        payment=payment if protected else None,
        refund=_refund_snapshot(payload) if protected and kind is NoticeKind.REFUND else None,
        refund_id=refund_id or None,
        reference=order_id[:REFERENCE],
    )


def read_v1_notice(raw: bytes, *, protected: bool) -> GatewayNotice:
    """A v1 callback: base64 of JSON under `response`. Its transaction id of ours is the order's."""
    document = _v1_document(raw)
    data = _object(document.get("data"))
    code, order_id = _text(document.get("code")), _text(data.get("merchantTransactionId"))
    payment = _v1_snapshot(document, data, order_id)
    known_by = (code, order_id, _text(data.get("state")), _text(data.get("transactionId")))
    return GatewayNotice(
        event_id=_event_id(known_by, raw, protected),
        event=code,
        kind=NoticeKind.PAYMENT if code.startswith("PAYMENT_") else NoticeKind.OTHER,
        order_id=order_id or None,
        payment_id=payment.payment_id if payment else None,
        payment=payment if protected else None,
        reference=order_id[:REFERENCE],
    )


def v1_response(raw: bytes) -> str | None:
    """The base64 text of a v1 callback exactly as it came; None for a body of another shape."""
    return _text(_json_object(raw).get("response")) or None


def _kind(event: str) -> NoticeKind:
    if event.startswith("settlement."):
        return NoticeKind.SETTLEMENT
    if ".refund." in event:
        return NoticeKind.REFUND
    return NoticeKind.PAYMENT if ".order." in event or ".transaction." in event else NoticeKind.OTHER


def _snapshot(payload: dict[str, Any]) -> GatewayPayment | None:
    """The attempt that paid, or else the latest one."""
    try:
        payments = read_order(payload).payments
    except ValueError:
        return None
    paid = [payment for payment in payments if payment.state is PaymentState.CAPTURED]
    return next(iter((paid or list(payments))[::-1]), None)


def _refund_snapshot(payload: dict[str, Any]) -> GatewayRefund | None:
    try:
        return read_refund(payload)
    except ValueError:
        return None


def _v1_snapshot(document: dict[str, Any], data: dict[str, Any], order_id: str) -> GatewayPayment | None:
    """A success counts only where all of its three words agree."""
    agree = (document.get("success") is True) == (data.get("state") == "COMPLETED")
    if not agree or (data.get("state") == "COMPLETED") != (document.get("code") == "PAYMENT_SUCCESS"):
        return None
    mode = _text(_object(data.get("paymentInstrument")).get("type"))
    attempt = {**data, "paymentMode": mode, "errorCode": _text(data.get("responseCode"))}
    try:
        return _payment(Attempt.model_validate(attempt), order_id) if order_id else None
    except ValueError:
        return None


def _v1_document(raw: bytes) -> dict[str, Any]:
    try:
        return _json_object(base64.b64decode(v1_response(raw) or "", validate=True))
    except (binascii.Error, ValueError):
        return {}


def _event_id(known_by: tuple[str, ...], raw: bytes, protected: bool) -> str:
    """There is no id of an event: what happened to what, and to which state, identifies it.

    Anybody who knows the constant header can send a hint; one must not keep out the true one that says the same.
    """
    parts = known_by if protected else (*known_by, hashlib.sha256(raw).hexdigest()[:16])
    return ":".join(parts)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return _object(document)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
