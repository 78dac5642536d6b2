"""Razorpay's JSON read into our words. Unknown fields are ignored; an entity without its essentials is a ValueError."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictInt

from app.core.money import Money
from app.core.providers import unix_time
from app.payments.gateways.base import (
    GatewayDispute,
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

T = TypeVar("T")
ToMoney = Callable[[int, str], Money]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]

_PAYMENT_STATES = {
    "created": PaymentState.PENDING,
    "authorized": PaymentState.AUTHORIZED,
    "captured": PaymentState.CAPTURED,
    "refunded": PaymentState.REFUNDED,
    "failed": PaymentState.FAILED,
}
_ORDER_STATES = {"attempted": OrderState.ATTEMPTED, "paid": OrderState.PAID}
_REFUND_STATES = {"processed": RefundState.SETTLED, "failed": RefundState.FAILED}


class _Entity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)

    id: str
    amount: StrictInt
    currency: str
    created_at: int | None = None


class Payment(_Entity):
    status: str
    order_id: str | None = None
    captured: bool = False
    amount_refunded: int | None = None
    method: Text = ""
    fee: int | None = None
    tax: int | None = None
    base_currency: str | None = None
    error_code: Text = ""
    error_reason: Text = ""
    error_description: Text = ""


class Order(_Entity):
    status: str
    amount_paid: StrictInt = 0
    receipt: Text = ""


class Refund(_Entity):
    payment_id: str
    status: str
    receipt: Text = ""
    acquirer_data: Any = None


class Dispute(_Entity):
    payment_id: str
    status: str
    reason_code: Text = ""
    phase: Text = ""
    respond_by: int | None = None


def read_payment(entity: Any, money: ToMoney) -> GatewayPayment:
    """`refunded` with `captured` false is the gateway letting go of what was only reserved: voided."""
    wire = Payment.model_validate(entity)
    amount, nothing = money(wire.amount, wire.currency), Money.zero(wire.currency)
    refunded = money(wire.amount_refunded or 0, wire.currency)
    taken = wire.status == "captured" or (wire.status == "refunded" and wire.captured)
    let_go = wire.status == "refunded" and not wire.captured
    fee_currency = wire.base_currency or wire.currency  # fees of a foreign payment are in the settlement currency
    return GatewayPayment(
        payment_id=wire.id,
        order_id=wire.order_id,
        state=_payment_state(wire),
        amount=amount,
        authorized=amount if taken or let_go or wire.status == "authorized" else nothing,
        captured=amount if taken else nothing,
        refunded=refunded if taken else nothing,
        voided=amount if let_go else nothing,
        method=wire.method,
        fee=None if wire.fee is None else money(wire.fee, fee_currency),
        tax=None if wire.tax is None else money(wire.tax, fee_currency),
        error_code=wire.error_reason or wire.error_code,
        error_text=wire.error_description,
        created_at=unix_time(wire.created_at),
    )


def _payment_state(wire: Payment) -> PaymentState:
    if wire.status == "refunded" and not wire.captured:
        return PaymentState.VOIDED
    if wire.status == "captured" and wire.amount_refunded == wire.amount:
        return PaymentState.REFUNDED
    return _PAYMENT_STATES.get(wire.status, PaymentState.PENDING)


def read_order(entity: Any, money: ToMoney, payments: tuple[GatewayPayment, ...] = ()) -> GatewayOrder:
    wire = Order.model_validate(entity)
    return GatewayOrder(
        order_id=wire.id,
        reference=wire.receipt,
        state=_ORDER_STATES.get(wire.status, OrderState.OPEN),
        amount=money(wire.amount, wire.currency),
        paid=money(wire.amount_paid, wire.currency),
        payments=payments,
    )


def read_refund(entity: Any, money: ToMoney) -> GatewayRefund:
    wire = Refund.model_validate(entity)
    bank = wire.acquirer_data if isinstance(wire.acquirer_data, dict) else {}
    return GatewayRefund(
        refund_id=wire.id,
        payment_id=wire.payment_id,
        state=_REFUND_STATES.get(wire.status, RefundState.PENDING),
        amount=money(wire.amount, wire.currency),
        reference=wire.receipt,
        bank_reference=str(bank.get("arn") or bank.get("rrn") or ""),
        created_at=unix_time(wire.created_at),
    )


def read_dispute(entity: Any, money: ToMoney) -> GatewayDispute:
    wire = Dispute.model_validate(entity)
    return GatewayDispute(
        dispute_id=wire.id,
        payment_id=wire.payment_id,
        state=wire.status,
        amount=money(wire.amount, wire.currency),
        reason=wire.reason_code,
        phase=wire.phase,
        respond_by=unix_time(wire.respond_by),
    )


_INDIA = timezone(timedelta(hours=5, minutes=30))
_LINE_KINDS = {"payment": SettlementKind.PAYMENT, "refund": SettlementKind.REFUND}


class Row(BaseModel):
    """A row of the combined report. `fee` includes `tax`; of a payment, `credit` is what is left after the fee."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)

    entity_id: str
    type: str
    debit: StrictInt
    credit: StrictInt
    currency: str
    fee: StrictInt = 0
    tax: StrictInt = 0
    settled_at: StrictInt
    settlement_id: str
    settlement_utr: Text = ""
    payment_id: str | None = None
    order_id: str | None = None
    order_receipt: Text = ""
    dispute_id: str | None = None


def read_settlement_line(entity: Any, money: ToMoney) -> SettlementLine:
    """The receipt of a refund's row is the order's, so only a payment has our reference."""
    row = Row.model_validate(entity)
    kind = _LINE_KINDS.get(row.type, SettlementKind.ADJUSTMENT)
    if row.dispute_id:
        kind = SettlementKind.DISPUTE
    net, fee = money(row.credit - row.debit, row.currency), money(row.fee, row.currency)
    return SettlementLine(
        settlement_id=row.settlement_id,
        kind=kind,
        gateway_id=row.dispute_id or row.entity_id,
        reference=row.order_receipt if kind is SettlementKind.PAYMENT else "",
        gross=net + fee,
        fee=fee,
        tax=money(row.tax, row.currency),
        net=net,
        settled_at=datetime.fromtimestamp(row.settled_at, UTC),
        bank_reference=row.settlement_utr,
        payment_id=row.entity_id if kind is SettlementKind.PAYMENT else row.payment_id,
        order_id=row.order_id,
    )


def months(first: date, last: date) -> list[dict[str, int]]:
    """The months, as the report asks for them, that a period touches; a single day of one is asked for alone."""
    if first == last:
        return [{"year": first.year, "month": first.month, "day": first.day}]
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [{"year": number // 12, "month": number % 12 + 1} for number in numbers]


def indian_day(at: datetime) -> date:
    return at.astimezone(_INDIA).date()


_KINDS = {
    "payment.dispute": NoticeKind.DISPUTE,
    "payment": NoticeKind.PAYMENT,
    "order": NoticeKind.PAYMENT,
    "payment_link": NoticeKind.PAYMENT,
    "refund": NoticeKind.REFUND,
    "settlement": NoticeKind.SETTLEMENT,
}


def read_notice(event_id: str, raw: bytes, money: ToMoney) -> GatewayNotice:
    """The notice in a verified body. `order.paid` and `payment.captured` carry the same snapshot of one payment."""
    envelope = _json_object(raw)
    event = str(envelope.get("event") or "")
    payment, order, refund = (_entity(envelope, name) for name in ("payment", "order", "refund"))
    kind = _KINDS.get(event.rpartition(".")[0], NoticeKind.OTHER)
    dispute = _entity(envelope, "dispute")
    return GatewayNotice(
        event_id=event_id,
        event=event,
        kind=kind,
        occurred_at=unix_time(envelope.get("created_at")),
        order_id=_id(payment.get("order_id")) or _id(order.get("id")),
        payment_id=_id(payment.get("id")) or _id(refund.get("payment_id")) or _id(dispute.get("payment_id")),
        payment=_understood(read_payment, payment, money),
        refund=_understood(read_refund, refund, money),
        dispute=_understood(read_dispute, dispute, money),
        automatic_refund=kind is NoticeKind.REFUND and payment.get("captured") is False,
    )


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _entity(envelope: dict[str, Any], name: str) -> dict[str, Any]:
    """`payload.<name>.entity`, or nothing where the body is not shaped like that."""
    found: Any = envelope
    for key in ("payload", name, "entity"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _understood(read: Callable[[Any, ToMoney], T], entity: dict[str, Any], money: ToMoney) -> T | None:
    try:
        return read(entity, money) if entity else None
    except ValueError:
        return None


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
