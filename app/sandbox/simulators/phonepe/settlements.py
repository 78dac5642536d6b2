"""Settlements: whole payouts by id and by date; which orders are in one is told nowhere."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.phonepe.errors import PhonePeError, unknown
from app.sandbox.simulators.phonepe.merchant import Merchant, merchants
from app.sandbox.simulators.phonepe.orders import ATTEMPT, milliseconds
from app.sandbox.simulators.phonepe.refunds import KIND as REFUND

KIND, SETTLED = "settlement", "settled"
MOST_LISTED, USUALLY_LISTED = 40, 10
HALF_A_YEAR = 183 * 86400 * 1000
LOWER = "abcdefghijklmnopqrstuvwxyz"


def settle(sandbox: Sandbox, command: dict[str, Any]) -> list[Entity]:
    """One payout for each account with something open; `clientId` limits it to one."""
    wanted = command.get("clientId")
    return [
        payout
        for merchant in merchants(sandbox)
        if wanted in (None, merchant.account.client_id)
        for payout in _settle_account(merchant)
    ]


def _settle_account(merchant: Merchant) -> list[Entity]:
    with merchant.sandbox.store.transaction():
        closed = {item["id"] for item in merchant.every(SETTLED)}
        rows = [item for item in _open_rows(merchant) if item["id"] not in closed]
        if not rows:
            return []
        payout = merchant.put(KIND, _new_payout(sum(row["net"] for row in rows)))
        for row in rows:
            merchant.put(SETTLED, {"id": row["id"], "state": "SETTLED"}, parent=payout["id"])
        for event, state in (("settlement.initiated", "INITIATED"), ("settlement.processed", "PROCESSED")):
            merchant.announce(payout["id"], event, {**describe(payout), "state": state})
    return [payout]


def _open_rows(merchant: Merchant) -> list[dict[str, Any]]:
    """What a payout is made of: payments less the fee that PhonePe keeps, and refunds."""
    paid = [item for item in merchant.every(ATTEMPT) if item["state"] == "COMPLETED"]
    returned = [item for item in merchant.every(REFUND) if item["state"] == "COMPLETED"]
    rows = [{"id": item["id"], "net": item["amount"] - _fee_of(item)} for item in paid]
    return rows + [{"id": item["id"], "net": -item["amount"]} for item in returned]


def _fee_of(attempt: Entity) -> int:
    """None for UPI; else two per cent and 18 % GST on it."""
    base = 0 if attempt["method"] == "upi" else (attempt["amount"] * 2 + 50) // 100
    return int(base + (base * 18 + 50) // 100)


def _new_payout(amount: int) -> Entity:
    return {
        "id": "-".join(random_text(4, LOWER) for _ in range(4)), "state": "PROCESSED", "amount": amount,
        "currency": "INR", "utr": f"UTR{random_text(12, '0123456789')}", "date": milliseconds(),
        "created_at": clock.timestamp(),
    }  # fmt: skip


def describe(payout: Entity) -> dict[str, Any]:
    return {
        "settlementId": payout["id"], "state": payout["state"], "utr": payout["utr"], "amount": payout["amount"],
        "lastUpdatedAt": payout["date"],
    }  # fmt: skip


def payout_named(merchant: Merchant, settlement_id: str) -> dict[str, Any]:
    payout = merchant.find(KIND, "id", settlement_id)
    if payout is None:
        raise unknown("settlement")
    return {**describe(payout), "merchantId": merchant.account.merchant_id}


def list_payouts(merchant: Merchant, query: dict[str, str]) -> dict[str, Any]:
    """From one moment to another, both included; nothing older than six months."""
    since, until = _whole(query, "from"), _whole(query, "to")
    limit, offset = _whole(query, "limit", USUALLY_LISTED), _whole(query, "offset", 0)
    if since < milliseconds() - HALF_A_YEAR or not 1 <= limit <= MOST_LISTED:
        raise PhonePeError("from must not be older than 6 months and limit at most 40")
    found = [item for item in merchant.every(KIND) if since <= item["date"] <= until]
    shown = [
        {"state": item["state"], "settlementId": item["id"], "utr": item["utr"], "date": item["date"]}
        for item in found[offset : offset + limit]
    ]
    return {"settlements": shown, "hasNext": offset + limit < len(found)}


def _whole(query: dict[str, str], name: str, default: int | None = None) -> int:
    text = query.get(name, "" if default is None else str(default))
    if not text.isdigit():
        raise PhonePeError(f"{name} must be a whole number")
    return int(text)
