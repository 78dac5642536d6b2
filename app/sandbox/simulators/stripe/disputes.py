"""Disputes: a bank takes a payment back, for a while or for good, and asks a fee for it."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe import balance, forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.intents import lane_of
from app.sandbox.simulators.stripe.merchant import INTENT, Event, Merchant, owner_of

# The control route takes the words that all gateways share, and the vendor's own.
WORDS = {"open": "needs_response", "closed": "warning_closed"}
STATUSES = (
    "needs_response", "under_review", "won", "lost", "warning_needs_response", "warning_under_review", "warning_closed",
)  # fmt: skip
ENDED = frozenset({"won", "lost", "warning_closed"})
ANSWERABLE = frozenset({"needs_response", "warning_needs_response"})
DAYS_TO_ANSWER = 7


def dispute(sandbox: Sandbox, command: dict[str, Any]) -> Entity:
    """`status` open (or warning_needs_response, an inquiry) starts one; any other moves the payment's newest on."""
    payment_id, word = str(command.get("paymentId")), str(command.get("status", "open"))
    status = WORDS.get(word, word)
    if status not in STATUSES:
        raise SandboxError(f"status must be one of {', '.join((*WORDS, *STATUSES))}")
    try:
        merchant = owner_of(sandbox, INTENT, payment_id)
    except StripeError:
        raise UnknownRecord(f"no payment intent {payment_id}") from None
    with sandbox.store.transaction():
        intent = merchant.get(INTENT, payment_id)
        found = merchant.children("dispute", payment_id)
        if status in ANSWERABLE:
            return _open(merchant, intent, command, status)
        if not found:
            raise UnknownRecord(f"no dispute on {payment_id}")
        return _move(merchant, found[0], status)


def _open(merchant: Merchant, intent: Entity, command: dict[str, Any], status: str) -> Entity:
    if intent["status"] != "succeeded":
        raise WrongState("only a captured payment can be disputed")
    amount = command.get("amount", intent["amount_received"])
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= intent["amount_received"]:
        raise SandboxError("amount must be smallest units, at most what was captured")
    details = {"due_by": clock.timestamp() + DAYS_TO_ANSWER * 86400, "has_evidence": False, "submission_count": 0}
    opened = merchant.new(
        "dispute", "du", amount=amount, balance_transactions=[], charge=intent["latest_charge"],
        currency=intent["currency"], evidence={}, evidence_details=details,
        is_charge_refundable=status == "warning_needs_response", metadata={}, payment_intent=intent["id"],
        reason=str(command.get("reasonCode", "product_not_received")), status=status,
    )  # fmt: skip
    events: list[Event] = []
    if status == "needs_response":
        opened = _withdraw(merchant, opened)
        events.append(("charge.dispute.funds_withdrawn", opened))
    merchant.put(opened, parent=intent["id"])
    merchant.announce(lane_of(intent), ("charge.dispute.created", opened), *events)
    return opened


def _withdraw(merchant: Merchant, opened: Entity) -> Entity:
    entry = balance.book(
        merchant, opened, -opened["amount"], kind="adjustment", category="dispute", fee=balance.DISPUTE_FEE
    )
    merchant.put({**merchant.get("charge", opened["charge"]), "disputed": True})
    return {**opened, "balance_transactions": [entry]}


def _move(merchant: Merchant, entity: Entity, status: str) -> Entity:
    if entity["status"] in ENDED:
        raise WrongState(f"the dispute is already {entity['status']}")
    entity = merchant.put({**entity, "status": status})
    events: list[Event] = [(f"charge.dispute.{'closed' if status in ENDED else 'updated'}", entity)]
    if status == "won":
        entry = balance.book(merchant, entity, entity["amount"], kind="adjustment", category="dispute_reversal")
        entity = merchant.put({**entity, "balance_transactions": [*entity["balance_transactions"], entry]})
        merchant.put({**merchant.get("charge", entity["charge"]), "disputed": False})
        events.append(("charge.dispute.funds_reinstated", entity))
    merchant.announce(lane_of(merchant.get(INTENT, entity["payment_intent"])), *events)
    return entity


def answer_dispute(merchant: Merchant, id: str, fields: forms.Fields) -> Entity:
    """Evidence; `submit` false only keeps it."""
    forms.only(fields, "evidence", "submit", "metadata")
    with merchant.sandbox.store.transaction():
        entity = merchant.get("dispute", id)
        if entity["status"] not in ANSWERABLE:
            raise StripeError("This dispute is already closed", code="dispute_closed")
        details = {**entity["evidence_details"], "has_evidence": True}
        evidence = {**entity["evidence"], **forms.inner(fields, "evidence")}
        entity = merchant.put({**entity, "evidence": evidence, "evidence_details": details})
        if forms.text(fields, "submit") == "false":
            return entity
        return _move(merchant, entity, "warning_under_review" if "warning" in entity["status"] else "under_review")


def close_dispute(merchant: Merchant, id: str) -> Entity:
    """The merchant gives in: the money is gone."""
    with merchant.sandbox.store.transaction():
        entity = merchant.get("dispute", id)
        if entity["status"] in ENDED:
            raise StripeError("This dispute is already closed", code="dispute_closed")
        return _move(merchant, entity, "lost")
