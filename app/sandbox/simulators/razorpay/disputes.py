"""Disputes: a bank takes a payment back, for a while or for good."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.ids import prefixed
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import Merchant, owner_of

EVENTS = {
    "open": "payment.dispute.created", "under_review": "payment.dispute.under_review",
    "action_required": "payment.dispute.action_required", "won": "payment.dispute.won",
    "lost": "payment.dispute.lost", "closed": "payment.dispute.closed",
}  # fmt: skip
ENDED = frozenset({"won", "lost", "closed"})
PHASES = ("fraud", "retrieval", "chargeback", "pre_arbitration", "arbitration")
DAYS_TO_ANSWER = 7


def dispute(sandbox: Sandbox, command: dict[str, Any]) -> Entity:
    """The control route: `status` open starts one, any other moves the payment's newest on."""
    payment_id, status = str(command.get("paymentId")), str(command.get("status", "open"))
    if status not in EVENTS:
        raise SandboxError(f"status must be one of {', '.join(EVENTS)}")
    try:
        merchant = owner_of(sandbox, "payment", payment_id)
    except RazorpayError:
        raise UnknownRecord(f"no payment {payment_id}") from None
    with sandbox.store.transaction():
        payment = merchant.get("payment", payment_id)
        if status == "open":
            return _open(merchant, payment, command)
        return _move(merchant, _newest(merchant, payment_id), status)


def _open(merchant: Merchant, payment: Entity, command: dict[str, Any]) -> Entity:
    amount, phase = command.get("amount", payment["amount"]), command.get("phase", "chargeback")
    if not payment["captured"]:
        raise WrongState("only a captured payment can be disputed")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= payment["amount"]:
        raise SandboxError("amount must be minor units, at most the payment's")
    if phase not in PHASES:
        raise SandboxError(f"phase must be one of {', '.join(PHASES)}")
    opened = _new_dispute(payment, amount, phase, str(command.get("reasonCode", "goods_or_services_not_received")))
    merchant.put(opened, parent=payment["id"])
    _announce(merchant, opened)
    return opened


def _new_dispute(payment: Entity, amount: int, phase: str, reason: str) -> Entity:
    now = clock.timestamp()
    return {
        "id": prefixed("disp"), "entity": "dispute", "payment_id": payment["id"], "amount": amount,
        "currency": payment["currency"], "amount_deducted": 0, "reason_code": reason,
        "respond_by": now + DAYS_TO_ANSWER * 86400, "status": "open", "phase": phase, "created_at": now,
        "evidence": {"amount": amount, "summary": None, "submitted_at": None},
    }  # fmt: skip


def _newest(merchant: Merchant, payment_id: str) -> Entity:
    found = merchant.children("dispute", payment_id)
    if not found:
        raise UnknownRecord(f"no dispute on {payment_id}")
    return found[0]


def _move(merchant: Merchant, entity: Entity, status: str) -> Entity:
    if entity["status"] in ENDED:
        raise WrongState(f"the dispute is already {entity['status']}")
    deducted = entity["amount"] if status == "lost" else 0
    entity = merchant.put({**entity, "status": status, "amount_deducted": deducted})
    _announce(merchant, entity)
    return entity


def _announce(merchant: Merchant, entity: Entity) -> None:
    payment = merchant.get("payment", entity["payment_id"])
    event = (EVENTS[entity["status"]], {"payment": payment, "dispute": entity})
    merchant.announce(payment["order_id"], event)


def accept_dispute(merchant: Merchant, id: str) -> Entity:
    """The merchant gives in: the money is gone."""
    return _answer(merchant, id, "lost", {})


def contest_dispute(merchant: Merchant, id: str, body: dict[str, Any]) -> Entity:
    """`action` submit sends the evidence in; draft only keeps it."""
    evidence = {name: value for name, value in body.items() if name != "action"}
    if body.get("action") == "draft":
        with merchant.sandbox.store.transaction():
            entity = merchant.get("dispute", id)
            return merchant.put({**entity, "evidence": {**entity["evidence"], **evidence}})
    return _answer(merchant, id, "under_review", {**evidence, "submitted_at": clock.timestamp()})


def _answer(merchant: Merchant, id: str, status: str, evidence: dict[str, Any]) -> Entity:
    with merchant.sandbox.store.transaction():
        entity = merchant.get("dispute", id)
        if entity["status"] not in ("open", "action_required"):
            raise RazorpayError(f"Action not allowed when dispute is in {entity['status']} status")
        return _move(merchant, {**entity, "evidence": {**entity["evidence"], **evidence}}, status)
