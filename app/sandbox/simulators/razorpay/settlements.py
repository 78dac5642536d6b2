"""Settlements: what the gateway pays out, and the reconciliation rows that explain it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import prefixed, random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant, RazorpayAccount

ROW = "recon"
INDIA = timezone(timedelta(hours=5, minutes=30))
MOST_ROWS = 1000


def settle(sandbox: Sandbox, command: dict[str, Any]) -> list[Entity]:
    """One settlement for each account with something open; `keyId` limits it to one."""
    settled = []
    for provider, account in sandbox.accounts.all():
        wanted = command.get("keyId") in (None, account.identity)
        if provider == CODE and isinstance(account, RazorpayAccount) and wanted:
            settled += _settle_account(Merchant(account, sandbox))
    return settled


def _settle_account(merchant: Merchant) -> list[Entity]:
    with merchant.sandbox.store.transaction():
        rows = [row for row in _open_rows(merchant) if merchant.find(ROW, row["id"]) is None]
        if not rows:
            return []
        settlement = merchant.put(_new_settlement(rows))
        for row in rows:
            _close(merchant, row, settlement)
        merchant.announce(settlement["id"], ("settlement.processed", {"settlement": settlement}))
    return [settlement]


def _new_settlement(rows: list[Entity]) -> Entity:
    return {
        "id": prefixed("setl"), "entity": "settlement", "amount": sum(row["credit"] - row["debit"] for row in rows),
        "status": "processed", "fees": sum(row["fee"] for row in rows), "tax": sum(row["tax"] for row in rows),
        "utr": random_text(16, "0123456789"), "created_at": clock.timestamp(),
    }  # fmt: skip


def _close(merchant: Merchant, row: Entity, settlement: Entity) -> None:
    closing = {
        "settled": True, "settled_at": settlement["created_at"], "settlement_id": settlement["id"],
        "settlement_utr": settlement["utr"], "posted_at": settlement["created_at"],
    }  # fmt: skip
    merchant.put({**row, **closing}, kind=ROW, parent=settlement["id"])


def _open_rows(merchant: Merchant) -> list[Entity]:
    payments = {payment["id"]: payment for payment in merchant.every("payment")}
    rows = [_payment_row(merchant, payment) for payment in payments.values() if payment["captured"]]
    for refund in merchant.every("refund"):
        # An automatic refund of an uncaptured payment never reaches a settlement.
        if refund["status"] == "processed" and payments[refund["payment_id"]]["captured"]:
            rows.append(_refund_row(merchant, refund, payments[refund["payment_id"]]))
    for dispute in merchant.every("dispute"):
        if dispute["amount_deducted"]:
            rows.append(_dispute_row(dispute, payments[dispute["payment_id"]]))
    return rows


def _row(entity: Entity, kind: str, payment: Entity, **fields: Any) -> Entity:
    return {
        "id": entity["id"], "entity_id": entity["id"], "type": kind, "debit": 0, "credit": 0,
        "amount": entity["amount"], "currency": entity["currency"], "fee": 0, "tax": 0, "on_hold": False,
        "created_at": entity["created_at"], "credit_type": "default", "description": None,
        "notes": entity.get("notes"), "payment_id": payment["id"], "order_id": payment["order_id"],
        "order_receipt": None, "method": payment["method"], "dispute_id": None, **fields,
    }  # fmt: skip


def _payment_row(merchant: Merchant, payment: Entity) -> Entity:
    receipt = merchant.get("order", payment["order_id"])["receipt"]
    net = payment["amount"] - payment["fee"]
    fields = {"credit": net, "fee": payment["fee"], "tax": payment["tax"], "payment_id": None, "order_receipt": receipt}
    return _row(payment, "payment", payment, **fields)


def _refund_row(merchant: Merchant, refund: Entity, payment: Entity) -> Entity:
    receipt = merchant.get("order", payment["order_id"])["receipt"]
    return _row(refund, "refund", payment, debit=refund["amount"], order_receipt=receipt)


def _dispute_row(dispute: Entity, payment: Entity) -> Entity:
    deducted = dispute["amount_deducted"]
    return _row(dispute, "adjustment", payment, debit=deducted, dispute_id=dispute["id"], description="Debit dispute")


def combined_report(merchant: Merchant, query: dict[str, str]) -> list[Entity]:
    """The rows settled in a month, or on a day of it, in Indian time."""
    wanted = {name: _whole(query, name) for name in ("year", "month", "day") if name != "day" or name in query}
    count, skip = _whole(query, "count", 10), _whole(query, "skip", 0)
    if not 1 <= count <= MOST_ROWS:
        raise RazorpayError(f"The count must be between 1 and {MOST_ROWS}.", field="count")
    rows = [row for row in merchant.every(ROW) if _settled_on(row, wanted)]
    return [{name: value for name, value in row.items() if name != "id"} for row in rows[skip : skip + count]]


def _settled_on(row: Entity, wanted: dict[str, int]) -> bool:
    day = datetime.fromtimestamp(row["settled_at"], INDIA)
    return all(getattr(day, name) == value for name, value in wanted.items())


def _whole(query: dict[str, str], name: str, default: int | None = None) -> int:
    text = query.get(name, "" if default is None else str(default))
    if not text.isdigit():
        raise RazorpayError(f"The {name} field is required and must be an integer.", field=name)
    return int(text)
