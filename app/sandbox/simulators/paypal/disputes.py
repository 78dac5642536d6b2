"""Disputes: a payer, or their bank, takes a payment back, for a while or for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal.amounts import read_amount, value_of
from app.sandbox.simulators.paypal.errors import PayPalError, unknown_id
from app.sandbox.simulators.paypal.merchant import Merchant, moment, owner_of

# What the control route calls it: PayPal's status, and of a resolved one the outcome.
STATES = {
    "open": ("WAITING_FOR_SELLER_RESPONSE", None), "under_review": ("UNDER_REVIEW", None),
    "won": ("RESOLVED", "RESOLVED_SELLER_FAVOUR"), "lost": ("RESOLVED", "RESOLVED_BUYER_FAVOUR"),
    "closed": ("RESOLVED", "CANCELED_BY_BUYER"),
}  # fmt: skip
DAYS_TO_ANSWER = 10


def dispute(sandbox: Sandbox, command: dict[str, Any]) -> Entity:
    """The control route: `status` open starts one, any other moves the payment's newest on."""
    capture_id, status = str(command.get("paymentId")), str(command.get("status", "open"))
    if status not in STATES:
        raise SandboxError(f"status must be one of {', '.join(STATES)}")
    try:
        merchant = owner_of(sandbox, "capture", capture_id)
    except PayPalError:
        raise UnknownRecord(f"no payment {capture_id}") from None
    with sandbox.store.transaction():
        if status == "open":
            return _open(merchant, merchant.get("capture", capture_id), command)
        found = merchant.children("dispute", capture_id)
        if not found:
            raise UnknownRecord(f"no dispute on {capture_id}")
        return _move(merchant, found[-1], status)


def _open(merchant: Merchant, capture: Entity, command: dict[str, Any]) -> Entity:
    amount = {"currency_code": capture["amount"]["currency_code"], "value": str(command.get("amount") or "")}
    try:
        disputed = read_amount(amount, "amount") if command.get("amount") else capture["amount"]
    except PayPalError as error:
        raise SandboxError(str(error)) from None
    if value_of(disputed) > value_of(capture["amount"]):
        raise SandboxError("amount must be at most the payment's")
    due = (datetime.now(UTC) + timedelta(days=DAYS_TO_ANSWER)).strftime("%Y-%m-%dT%H:%M:%SZ")
    transaction = {"seller_transaction_id": capture["id"], "custom": capture.get("custom_id", "")}
    opened = {
        "id": "", "dispute_id": f"PP-D-{random_text(5, '0123456789')}", "create_time": moment(),
        "disputed_transactions": [{**transaction, "gross_amount": capture["amount"]}],
        "reason": str(command.get("reasonCode", "MERCHANDISE_OR_SERVICE_NOT_RECEIVED")), "status": STATES["open"][0],
        "dispute_amount": disputed, "dispute_life_cycle_stage": str(command.get("phase", "CHARGEBACK")).upper(),
        "dispute_channel": "INTERNAL", "seller_response_due_date": due,
    }  # fmt: skip
    opened["id"] = opened["dispute_id"]
    merchant.put("dispute", opened, parent=capture["id"])
    return _tell(merchant, opened, "CUSTOMER.DISPUTE.CREATED")


def _move(merchant: Merchant, entity: Entity, status: str) -> Entity:
    if entity["status"] == "RESOLVED":
        raise WrongState("the dispute is already resolved")
    words, outcome = STATES[status]
    entity = {**entity, "status": words, "update_time": moment()}
    if outcome is not None:
        entity["dispute_outcome"] = {"outcome_code": outcome, "amount_refunded": entity["dispute_amount"]}
    merchant.put("dispute", entity)
    return _tell(merchant, entity, "CUSTOMER.DISPUTE.RESOLVED" if outcome else "CUSTOMER.DISPUTE.UPDATED")


def _tell(merchant: Merchant, entity: Entity, event: str) -> Entity:
    resource = show_dispute(entity)
    merchant.announce(entity["disputed_transactions"][0]["seller_transaction_id"], (event, resource))
    return resource


def show_dispute(entity: Entity) -> Entity:
    return {name: value for name, value in entity.items() if name != "id"}


def accept_claim(merchant: Merchant, id: str) -> Entity:
    """The merchant gives in: the money is gone."""
    with merchant.sandbox.store.transaction():
        entity = merchant.get("dispute", id)
        if entity["status"] == "RESOLVED":
            raise unknown_id(id)
        return _move(merchant, entity, "lost")
