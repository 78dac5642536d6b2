"""Refunds: always pending first, never above what was paid, once per merchant refund id."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.phonepe import rules
from app.sandbox.simulators.phonepe.account import CODE
from app.sandbox.simulators.phonepe.errors import PhonePeError, unknown
from app.sandbox.simulators.phonepe.merchant import Merchant, merchants
from app.sandbox.simulators.phonepe.orders import milliseconds, order_named, vendor_id

KIND = "refund"
FAULTS = ("refund_pending", "refund_failed")
FIELDS = frozenset({"merchantRefundId", "originalMerchantOrderId", "amount"})
ENDS = {"processed": "COMPLETED", "failed": "FAILED"}
UNDER_WAY = ("PENDING", "CONFIRMED")
SHOWN = ("originalMerchantOrderId", "merchantRefundId", "amount", "state", "timestamp", "errorCode", "splitInstruments")


def create_refund(merchant: Merchant, body: dict[str, Any]) -> dict[str, Any]:
    """Raises PhonePeError for an order that is not paid, an amount above what is left, or an id used before."""
    said = rules.only_fields(body, FIELDS)
    refund_id, amount = rules.id_of(said, "merchantRefundId"), rules.amount_of(said)
    with merchant.sandbox.store.transaction():
        order = order_named(merchant, rules.id_of(said, "originalMerchantOrderId"))
        if merchant.find(KIND, "merchantRefundId", refund_id) is not None:
            raise PhonePeError("merchantRefundId was used before", code="INVALID_TRANSACTION_ID")
        if amount > left_of(merchant, order):
            raise PhonePeError("The refund amount is more than what is left of the order")
        refund = merchant.put(KIND, _new_refund(order, refund_id, amount), parent=order["id"])
        _plan_its_end(merchant, refund)
    return {"refundId": refund["id"], "amount": amount, "state": refund["state"]}


def left_of(merchant: Merchant, order: Entity) -> int:
    """What was paid and is neither refunded nor being refunded."""
    if order["state"] != "COMPLETED":
        return 0
    gone = sum(item["amount"] for item in merchant.children(KIND, order["id"]) if item["state"] != "FAILED")
    return int(order["amount"] - gone)


def _new_refund(order: Entity, refund_id: str, amount: int) -> Entity:
    return {
        "id": vendor_id("OMR"), "merchantRefundId": refund_id, "reference_id": refund_id, "order_id": order["id"],
        "originalMerchantOrderId": order["merchantOrderId"], "amount": amount, "currency": "INR", "state": "PENDING",
        "timestamp": milliseconds(), "created_at": clock.timestamp(),
    }  # fmt: skip


def _plan_its_end(merchant: Merchant, refund: Entity) -> None:
    fault = merchant.sandbox.faults.take(CODE, FAULTS, ())
    state = "FAILED" if fault and fault.fault == "refund_failed" else "COMPLETED"
    seconds = fault.seconds if fault else merchant.account.refund_seconds
    timer = {"client_id": merchant.account.client_id, "refund_id": refund["id"], "state": state}
    merchant.sandbox.timers.set(CODE, "settle_refund", timer, seconds=seconds)


def settle_refund(merchant: Merchant, refund_id: str, state: str) -> Entity:
    """Ends a refund that is under way; a second call changes nothing."""
    with merchant.sandbox.store.transaction():
        refund = merchant.get(KIND, refund_id)
        if refund["state"] not in UNDER_WAY:
            return refund
        refund = merchant.put(KIND, {**refund, "state": "CONFIRMED"})
        _tell(merchant, "pg.refund.accepted", refund)
        refund = merchant.put(KIND, {**refund, **_ended(refund, state)})
        _tell(merchant, f"pg.refund.{state.lower()}", refund)
    return refund


def _ended(refund: Entity, state: str) -> Entity:
    if state == "FAILED":
        return {"state": state, "errorCode": "PAYMENT_ERROR"}
    rail = {"type": "UPI", "utr": random_text(12, "0123456789"), "vpa": "patient@ybl"}
    part = {"amount": refund["amount"], "rail": rail, "instrument": {"type": "ACCOUNT", "accountType": "SAVINGS"}}
    return {"state": state, "splitInstruments": [part]}


def _tell(merchant: Merchant, event: str, refund: Entity) -> None:
    merchant.announce(refund["originalMerchantOrderId"], event, describe(refund))


def describe(refund: Entity) -> dict[str, Any]:
    shown = {name: refund[name] for name in SHOWN if refund.get(name) is not None}
    return {"refundId": refund["id"], **shown}


def refund_named(merchant: Merchant, refund_id: str) -> Entity:
    """By the merchant's id. Raises PhonePeError."""
    refund = merchant.find(KIND, "merchantRefundId", refund_id)
    if refund is None:
        raise unknown("refund")
    return refund


def end_refund(sandbox: Sandbox, refund_id: str, status: str) -> Entity:
    """The control route, by the merchant's refund id or the vendor's."""
    if status not in ENDS:
        raise SandboxError(f"status must be one of {', '.join(ENDS)}")
    for merchant in merchants(sandbox):
        for field in ("merchantRefundId", "id"):
            refund = merchant.find(KIND, field, refund_id)
            if refund is not None:
                return settle_refund(merchant, refund["id"], ENDS[status])
    raise UnknownRecord(f"no refund {refund_id}")
