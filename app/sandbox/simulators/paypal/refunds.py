"""Refunds of captures: never above what was captured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal.amounts import Amount, amount_of, read_amount, total, value_of
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import CODE, Merchant, moment, new_id, owner_of
from app.sandbox.simulators.paypal.payments import shown

FAULTS = ("refund_pending", "refund_failed")
REFUNDABLE = ("COMPLETED", "PARTIALLY_REFUNDED")


def refund_capture(merchant: Merchant, capture_id: str, body: dict[str, Any]) -> str:
    """The id of a new refund: of a part, or of all that is left."""
    capture = merchant.get("capture", capture_id)
    amount = _amount(merchant, capture, body)
    fault = merchant.sandbox.faults.take(CODE, FAULTS, ())
    seconds = fault.seconds if fault else merchant.account.refund_seconds
    order_id = capture["supplementary_data"]["related_ids"]["order_id"]
    refund = {
        "id": new_id(), "status": "PENDING" if fault or seconds else "COMPLETED", "amount": amount,
        **{name: body[name] for name in ("custom_id", "invoice_id", "note_to_payer") if body.get(name)},
        "create_time": moment(), "up": f"/v2/payments/captures/{capture_id}",
    }  # fmt: skip
    merchant.put("refund", refund, parent=order_id)
    _count(merchant, capture)
    if refund["status"] == "PENDING":
        end = "failed" if fault and fault.fault == "refund_failed" else "processed"
        timer = {"refund_id": refund["id"], "status": end}
        merchant.sandbox.timers.set(CODE, "settle_refund", timer, seconds=seconds)
        merchant.announce(order_id, ("PAYMENT.REFUND.PENDING", shown(merchant, "refund", refund)))
    else:
        merchant.announce(order_id, ("PAYMENT.CAPTURE.REFUNDED", shown(merchant, "refund", refund)))
    return str(refund["id"])


def _amount(merchant: Merchant, capture: Entity, body: dict[str, Any]) -> Amount:
    if capture["status"] == "REFUNDED":
        raise PayPalError("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.")
    if capture["status"] == "PENDING":
        raise PayPalError("PENDING_CAPTURE", "Cannot initiate a refund as the capture is pending.")
    if capture["status"] not in REFUNDABLE:
        raise PayPalError("INVALID_RESOURCE_ID", "The capture cannot be refunded.", status=404)
    left = value_of(capture["amount"]) - _refunded(merchant, capture)
    currency = capture["amount"]["currency_code"]
    if "amount" not in body:
        return amount_of(left, currency)
    amount = read_amount(body["amount"], "/amount", currency)
    if value_of(amount) > left:
        raise PayPalError(
            "REFUND_AMOUNT_EXCEEDED", "The refund amount must be less than or equal to the capture amount."
        )
    return amount


def refunds_of(merchant: Merchant, capture: Entity) -> list[Entity]:
    order_id = capture["supplementary_data"]["related_ids"]["order_id"]
    up = f"/v2/payments/captures/{capture['id']}"
    return [item for item in merchant.children("refund", order_id) if item["up"] == up]


def _refunded(merchant: Merchant, capture: Entity) -> Decimal:
    return total([item["amount"] for item in refunds_of(merchant, capture) if item["status"] != "FAILED"])


def _count(merchant: Merchant, capture: Entity) -> None:
    refunded = _refunded(merchant, capture)
    whole = refunded >= value_of(capture["amount"])
    status = "REFUNDED" if whole else "PARTIALLY_REFUNDED" if refunded else "COMPLETED"
    merchant.put("capture", {**capture, "status": status})


def settle_refund(sandbox: Sandbox, refund_id: str, status: str) -> Entity:
    """Ends a pending refund; a second call changes nothing. A failed one leaves its amount with the capture."""
    with sandbox.store.transaction():
        merchant = owner_of(sandbox, "refund", refund_id)
        refund = merchant.get("refund", refund_id)
        if refund["status"] != "PENDING":
            return shown(merchant, "refund", refund)
        refund = merchant.put("refund", {**refund, "status": "FAILED" if status == "failed" else "COMPLETED"})
        capture = merchant.get("capture", refund["up"].rpartition("/")[2])
        _count(merchant, capture)
        event = "PAYMENT.REFUND.FAILED" if status == "failed" else "PAYMENT.CAPTURE.REFUNDED"
        entity = shown(merchant, "refund", refund)
        merchant.announce(capture["supplementary_data"]["related_ids"]["order_id"], (event, entity))
    return entity
