"""PayPal's documents as rows of the money page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.sandbox.documents import Documents, Entity
from app.sandbox.simulators.paypal.amounts import value_of
from app.sandbox.simulators.paypal.merchant import CODE

KINDS = {"order": ("order",), "payment": ("capture", "authorization"), "refund": ("refund",), "dispute": ("dispute",)}


def rows(documents: Documents, kind: str, limit: int) -> list[dict[str, Any]]:
    """What there is of a kind; a reservation stands among the payments."""
    return [_row(item) for name in KINDS.get(kind, ()) for item in documents.all(f"{CODE}.{name}", limit)]


def _row(item: Entity) -> dict[str, Any]:
    unit = item["purchase_units"][0] if "purchase_units" in item else item
    amount = unit.get("amount") or item["dispute_amount"]
    return {
        "id": item["id"], "amount": int(value_of(amount) * 100), "currency": amount["currency_code"],
        "status": item["status"].lower(), "created_at": int(datetime.fromisoformat(item["create_time"]).timestamp()),
        "payment_id": _belongs_to(item), "receipt": unit.get("custom_id"), "method": "paypal",
    }  # fmt: skip


def _belongs_to(item: Entity) -> str:
    if "disputed_transactions" in item:
        return str(item["disputed_transactions"][0]["seller_transaction_id"])
    return str(item.get("up", "")).rpartition("/")[2]
