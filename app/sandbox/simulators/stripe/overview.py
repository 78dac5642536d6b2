"""Stripe's money as rows of the sandbox's own page, in the words that all gateways share there."""

from __future__ import annotations

from app.sandbox.documents import Documents, Entity
from app.sandbox.simulators.stripe.amounts import decimals
from app.sandbox.simulators.stripe.merchant import CODE, INTENT, SESSION

KINDS = {"order": SESSION, "payment": INTENT, "refund": "refund", "settlement": "payout", "dispute": "dispute"}


def money_rows(documents: Documents, kind: str, limit: int) -> list[Entity]:
    """Newest first; pages where nothing is paid are no orders."""
    found = documents.all(f"{CODE}.{KINDS[kind]}", limit) if kind in KINDS else []
    return [_row(entity) for entity in found if entity.get("mode", "payment") == "payment"]


def _row(entity: Entity) -> Entity:
    error = entity.get("last_payment_error") or {}
    return {
        "created_at": entity["created"], "id": entity["id"],
        "payment_id": entity.get("payment_intent") or entity.get("_session"),
        "receipt": entity.get("client_reference_id"), "utr": (entity.get("trace_id") or {}).get("value"),
        "amount": _hundredths(entity), "currency": entity["currency"].upper(), "status": entity["status"],
        "error_reason": error.get("code"), "error_description": error.get("message"),
    }  # fmt: skip


def _hundredths(entity: Entity) -> int:
    amount: int = entity["amount"] if "amount" in entity else entity["amount_total"]
    return amount * 100 // 10 ** decimals(entity["currency"])
