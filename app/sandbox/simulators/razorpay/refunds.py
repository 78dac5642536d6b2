"""Refunds: never above what was captured, once per idempotency key."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import prefixed, random_text
from app.sandbox.interception import pause
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay import rules
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant, owner_of

FIELDS = frozenset({"amount", "speed", "receipt", "notes"})
FAULTS = ("refund_pending", "refund_failed")
KEYS = f"{CODE}.refund_key"
SPEEDS = ("normal", "optimum")

_running: set[str] = set()
_running_lock = threading.Lock()


def refund_payment(merchant: Merchant, payment_id: str, body: dict[str, Any], key: str | None) -> Entity:
    """A key answers the same refund again; with another body 400, while the first call runs 409."""
    rules.only_fields(body, FIELDS)
    if key is None:
        pause()
        return _refund(merchant, payment_id, body)
    if not rules.IDEMPOTENCY_KEY.fullmatch(key):
        raise RazorpayError("The idempotency key must have at least 10 letters, digits, hyphens or underscores.")
    return _refund_once(merchant, payment_id, body, key)


def _refund_once(merchant: Merchant, payment_id: str, body: dict[str, Any], key: str) -> Entity:
    name = f"{merchant.account.key_id}:{key}"
    # Two sandboxes in one process (tests) must not meet each other's keys.
    claim = f"{id(merchant.sandbox)}:{name}"
    with _running_lock:
        if claim in _running:
            description = "Request failed because another request is in progress with the same idempotency key"
            raise RazorpayError(description, status=409, reason="duplicate_request")
        _running.add(claim)
    try:
        pause()
        with merchant.sandbox.store.transaction():
            return _first_answer(merchant, payment_id, body, name) or _remember(merchant, payment_id, body, name)
    finally:
        with _running_lock:
            _running.discard(claim)


def _first_answer(merchant: Merchant, payment_id: str, body: dict[str, Any], name: str) -> Entity | None:
    known = merchant.sandbox.documents.get(KEYS, name)
    if known is None:
        return None
    if known["fingerprint"] != _fingerprint(payment_id, body):
        raise RazorpayError("Different request body with the same idempotency key", reason="duplicate_request")
    return merchant.get("refund", known["refund_id"])


def _remember(merchant: Merchant, payment_id: str, body: dict[str, Any], name: str) -> Entity:
    refund = _refund(merchant, payment_id, body)
    mark = {"id": name, "fingerprint": _fingerprint(payment_id, body), "refund_id": refund["id"]}
    merchant.sandbox.documents.put(KEYS, mark, account=merchant.account.key_id)
    return refund


def _fingerprint(payment_id: str, body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([payment_id, body], sort_keys=True).encode()).hexdigest()


def _refund(merchant: Merchant, payment_id: str, body: dict[str, Any]) -> Entity:
    with merchant.sandbox.store.transaction():
        payment = merchant.get("payment", payment_id)
        amount = _amount_of(payment, body)
        speed = body.get("speed", "normal")
        if speed not in SPEEDS:
            raise RazorpayError("The selected speed is invalid.", field="speed")
        receipt = rules.text_of(body, "receipt", rules.LONGEST_RECEIPT)
        refund = merchant.put(_new_refund(payment, amount, speed, receipt, rules.notes_of(body)), parent=payment_id)
        payment = _count_refund(merchant, payment, amount)
        return _send(merchant, refund, payment)


def _amount_of(payment: Entity, body: dict[str, Any]) -> int:
    """Absent means all that is left."""
    left: int = payment["amount"] - payment["amount_refunded"]
    if payment["status"] == "refunded" or not left:
        raise RazorpayError("The payment has been fully refunded already", reason="duplicate_request")
    if payment["status"] != "captured":
        raise RazorpayError("The payment status should be captured for action to be taken")
    if "amount" not in body:
        return left
    amount = rules.amount_of(body, payment["currency"], too_little="The amount must be at least INR 1.00")
    if amount > left:
        raise RazorpayError("The total refund amount is greater than the refund payment amount", field="amount")
    return amount


def _new_refund(payment: Entity, amount: int, speed: str, receipt: str | None, notes: Any) -> Entity:
    return {
        "id": prefixed("rfnd"), "entity": "refund", "amount": amount, "currency": payment["currency"],
        "payment_id": payment["id"], "notes": notes, "receipt": receipt, "acquirer_data": {"arn": None},
        "created_at": clock.timestamp(), "batch_id": None, "status": "pending", "speed_processed": None,
        "speed_requested": speed,
    }  # fmt: skip


def _count_refund(merchant: Merchant, payment: Entity, change: int) -> Entity:
    refunded = payment["amount_refunded"] + change
    whole = refunded == payment["amount"]
    status = "refunded" if whole else "captured" if payment["captured"] else "authorized"
    refund_status = "full" if whole else "partial" if refunded else None
    return merchant.put({**payment, "amount_refunded": refunded, "refund_status": refund_status, "status": status})


def _send(merchant: Merchant, refund: Entity, payment: Entity) -> Entity:
    """Processed at once, or pending for a while when the account or an armed fault says so."""
    fault = merchant.sandbox.faults.take(CODE, FAULTS, ())
    outcome = "failed" if fault and fault.fault == "refund_failed" else "processed"
    seconds = fault.seconds if fault else merchant.account.refund_seconds
    created = ("refund.created", {"refund": refund, "payment": payment})
    if fault or seconds:
        merchant.announce(payment["order_id"], created)
        timer = {"refund_id": refund["id"], "status": outcome}
        merchant.sandbox.timers.set(CODE, "settle_refund", timer, seconds=seconds)
        return refund
    refund = _processed(merchant, refund)
    merchant.announce(payment["order_id"], created, ("refund.processed", {"refund": refund, "payment": payment}))
    return refund


def _processed(merchant: Merchant, refund: Entity) -> Entity:
    arn = {"arn": random_text(23, "0123456789")}
    return merchant.put({**refund, "status": "processed", "speed_processed": "normal", "acquirer_data": arn})


def settle_refund(sandbox: Sandbox, refund_id: str, status: str) -> Entity:
    """Ends a pending refund; a second call changes nothing. A failed one gives its amount back to the payment."""
    with sandbox.store.transaction():
        merchant = owner_of(sandbox, "refund", refund_id)
        refund = merchant.get("refund", refund_id)
        if refund["status"] != "pending":
            return refund
        payment = merchant.get("payment", refund["payment_id"])
        if status == "failed":
            payment = _count_refund(merchant, payment, -refund["amount"])
            refund = merchant.put({**refund, "status": "failed"})
        else:
            refund = _processed(merchant, refund)
        merchant.announce(payment["order_id"], (f"refund.{status}", {"refund": refund, "payment": payment}))
    return refund


def return_uncaptured(merchant: Merchant, payment: Entity) -> Entity:
    """The vendor's only void: an authorised payment that nobody captured is refunded by itself."""
    with merchant.sandbox.store.transaction():
        refund = merchant.put(_new_refund(payment, payment["amount"], "normal", None, []), parent=payment["id"])
        payment = _count_refund(merchant, payment, payment["amount"])
        _send(merchant, refund, payment)
    return payment
