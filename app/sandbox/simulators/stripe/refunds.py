"""Refunds: never above what was captured; one that succeeded can still fail."""

from __future__ import annotations

from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe import amounts, balance, forms
from app.sandbox.simulators.stripe.errors import StripeError
from app.sandbox.simulators.stripe.intents import lane_of
from app.sandbox.simulators.stripe.merchant import CODE, INTENT, Merchant, owner_of

FAULTS = ("refund_pending", "refund_failed")
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
OPEN = ("pending", "requires_action")


def create_refund(merchant: Merchant, fields: forms.Fields) -> Entity:
    forms.only(fields, "payment_intent", "charge", "amount", "reason", "metadata")
    reason = forms.choice(fields, "reason", REASONS, "requested_by_customer") if "reason" in fields else None
    with merchant.sandbox.store.transaction():
        intent = _intent_of(merchant, fields)
        charge = _refundable_charge(merchant, intent)
        amount = _amount_of(fields, charge)
        refund = merchant.new(
            "refund", "re", amount=amount, balance_transaction=None, charge=charge["id"], currency=charge["currency"],
            destination_details=_destination(None), failure_reason=None, metadata=forms.metadata(fields),
            payment_intent=intent["id"], reason=reason, status="pending",
        )  # fmt: skip
        return _send(merchant, intent, _count(merchant, charge, amount), merchant.put(refund, parent=intent["id"]))


def _intent_of(merchant: Merchant, fields: forms.Fields) -> Entity:
    charge = forms.text(fields, "charge")
    if charge is not None:
        return merchant.get(INTENT, merchant.get("charge", charge, "charge")["payment_intent"])
    return merchant.get(INTENT, forms.text(fields, "payment_intent", required=True) or "", "payment_intent")


def _refundable_charge(merchant: Merchant, intent: Entity) -> Entity:
    if intent["status"] != "succeeded":
        text = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeError(text, code="payment_intent_unexpected_state")
    charge = merchant.get("charge", intent["latest_charge"])
    if charge["disputed"]:
        raise StripeError(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    if not _left(charge):
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    return charge


def _left(charge: Entity) -> int:
    """What is not given back yet; the part that was never taken counts as refunded from the start."""
    return int(charge["amount"] - charge["amount_refunded"])


def _amount_of(fields: forms.Fields, charge: Entity) -> int:
    if "amount" not in fields:
        return _left(charge)
    amount = amounts.amount_of(fields, "amount", charge["currency"], least=False)
    if amount > _left(charge):
        raise StripeError("Refund amount is greater than unrefunded amount on charge", param="amount")
    return amount


def _count(merchant: Merchant, charge: Entity, change: int) -> Entity:
    refunded = charge["amount_refunded"] + change
    return merchant.put({**charge, "amount_refunded": refunded, "refunded": refunded == charge["amount"]})


def _destination(reference: str | None) -> Entity:
    card = {"reference": reference, "reference_status": "available" if reference else "pending", "type": "refund"}
    return {"card": card, "type": "card"}


def _send(merchant: Merchant, intent: Entity, charge: Entity, refund: Entity) -> Entity:
    """Succeeded at once, or pending for a while when the account or an armed fault says so."""
    fault = merchant.sandbox.faults.take(CODE, FAULTS, ())
    outcome = "failed" if fault and fault.fault == "refund_failed" else "succeeded"
    seconds = fault.seconds if fault else merchant.account.refund_seconds
    if fault or seconds:
        timer = {"refund_id": refund["id"], "status": outcome}
        merchant.sandbox.timers.set(CODE, "settle_refund", timer, seconds=seconds)
    else:
        refund = _succeeded(merchant, refund)
    merchant.announce(lane_of(intent), ("refund.created", refund), ("charge.refunded", charge))
    return refund


def _succeeded(merchant: Merchant, refund: Entity) -> Entity:
    entry = balance.book(merchant, refund, -refund["amount"], kind="refund", category="refund")
    destination = _destination(random_text(23, "0123456789"))
    changed = {"status": "succeeded", "balance_transaction": entry["id"], "destination_details": destination}
    return merchant.put({**refund, **changed})


def settle_refund(sandbox: Sandbox, refund_id: str, status: str) -> Entity:
    """Ends a pending refund, or makes one that succeeded fail; anything else changes nothing."""
    with sandbox.store.transaction():
        merchant = owner_of(sandbox, "refund", refund_id)
        refund = merchant.get("refund", refund_id)
        if refund["status"] not in (*OPEN, "succeeded") or refund["status"] == status:
            return refund
        intent = merchant.get(INTENT, refund["payment_intent"])
        if status == "succeeded":
            refund = _succeeded(merchant, refund)
            merchant.announce(lane_of(intent), ("refund.updated", refund), ("charge.refund.updated", refund))
            return refund
        refund = _failed(merchant, refund)
        events = [("refund.failed", refund), ("charge.refund.updated", refund)]
        merchant.announce(lane_of(intent), *events)
    return refund


def _failed(merchant: Merchant, refund: Entity) -> Entity:
    """The money is back in the account's balance, and may be refunded in another way."""
    changed = {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    if refund["status"] == "succeeded":
        entry = balance.book(
            merchant, refund, refund["amount"], kind="refund_failure", category="refund_failure"
        )  # fmt: skip
        changed["failure_balance_transaction"] = entry["id"]
    _count(merchant, merchant.get("charge", refund["charge"]), -refund["amount"])
    return merchant.put({**refund, **changed})
