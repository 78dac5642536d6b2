"""Transaction search: what moved the account's balance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal.amounts import Amount, amount_of, value_of
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import CODE, Merchant, PayPalAccount, moment, new_id

LONGEST = timedelta(days=31)
MOST_ROWS = 500
TAKEN = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
LOST = "RESOLVED_BUYER_FAVOUR"


def transactions(merchant: Merchant, query: dict[str, str]) -> Entity:
    """The rows between two moments, the oldest first. Raises PayPalError for more than 31 days."""
    start, end = _moment(query, "start_date"), _moment(query, "end_date")
    if end < start or end - start > LONGEST:
        raise PayPalError("INVALID_DATE_RANGE", "Date range is greater than 31 days.", field="end_date", status=400)
    size, page = _whole(query, "page_size", 100), _whole(query, "page", 1)
    if not 1 <= size <= MOST_ROWS or page < 1:
        raise PayPalError("INVALID_PAGE", "Page or page size is out of range.", field="page_size", status=400)
    rows = [row for row in _rows(merchant) if start <= _read(row["transaction_updated_date"]) <= end]
    rows.sort(key=lambda row: str(row["transaction_updated_date"]))
    shown = rows[(page - 1) * size : page * size]
    return {
        "transaction_details": [{"transaction_info": row} for row in shown], "account_number": "XZXSPECPDZHZU",
        "start_date": query["start_date"], "end_date": query["end_date"], "last_refreshed_datetime": moment(),
        "page": page, "total_items": len(rows), "total_pages": -(-len(rows) // size), "links": [],
    }  # fmt: skip


def _rows(merchant: Merchant) -> list[Entity]:
    found = [_capture_row(item) for item in merchant.every("capture") if item["status"] in TAKEN]
    found += [_refund_row(item) for item in merchant.every("refund") if item["status"] == "COMPLETED"]
    for item in merchant.every("dispute"):
        if item.get("dispute_outcome", {}).get("outcome_code") == LOST:
            found.append(_dispute_row(item))
    return found + [_withdrawal_row(item) for item in merchant.every("withdrawal")]


def _row(id: str, code: str, amount: Amount, when: str, **fields: Any) -> Entity:
    return {
        "transaction_id": id, "transaction_event_code": code, "transaction_status": "S",
        "transaction_initiation_date": when, "transaction_updated_date": when, "transaction_amount": amount,
        **{name: value for name, value in fields.items() if value},
    }  # fmt: skip


def _capture_row(item: Entity) -> Entity:
    fee = _negative(item["seller_receivable_breakdown"]["paypal_fee"])
    texts = {"invoice_id": item.get("invoice_id"), "custom_field": item.get("custom_id")}
    authorization = item["supplementary_data"]["related_ids"].get("authorization_id")
    return _row(
        item["id"], "T0006", item["amount"], item["create_time"], fee_amount=fee, **texts, **_parent(authorization)
    )


def _refund_row(item: Entity) -> Entity:
    texts = {"invoice_id": item.get("invoice_id"), "custom_field": item.get("custom_id")}
    parent = _parent(item["up"].rpartition("/")[2])
    return _row(item["id"], "T1107", _negative(item["amount"]), item["create_time"], **texts, **parent)


def _dispute_row(item: Entity) -> Entity:
    parent = _parent(item["disputed_transactions"][0]["seller_transaction_id"])
    return _row(item["id"], "T1201", _negative(item["dispute_amount"]), item["update_time"], **parent)


def _withdrawal_row(item: Entity) -> Entity:
    return _row(item["id"], "T0403", _negative(item["amount"]), item["create_time"])


def _parent(id: str | None) -> dict[str, str]:
    return {"paypal_reference_id": id, "paypal_reference_id_type": "TXN"} if id else {}


def _negative(amount: Amount) -> Amount:
    return amount_of(-value_of(amount), amount["currency_code"])


def settle(sandbox: Sandbox, command: dict[str, Any]) -> list[Entity]:
    """Withdraws each currency's balance to the bank; `clientId` limits it to one account."""
    made = []
    for provider, account in sandbox.accounts.all():
        wanted = command.get("clientId") in (None, account.identity)
        if provider == CODE and isinstance(account, PayPalAccount) and wanted:
            with sandbox.store.transaction():
                made += _withdraw(Merchant(account, sandbox))
    return made


def _withdraw(merchant: Merchant) -> list[Entity]:
    balances: dict[str, Decimal] = {}
    for row in _rows(merchant):
        for amount in (row["transaction_amount"], row.get("fee_amount")):
            if amount is not None:
                code = amount["currency_code"]
                balances[code] = balances.get(code, Decimal(0)) + value_of(amount)
    made = [
        {"id": new_id(), "amount": amount_of(balance, code), "create_time": moment()}
        for code, balance in balances.items()
        if balance > 0
    ]
    return [merchant.put("withdrawal", item) for item in made]


def _moment(query: dict[str, str], name: str) -> datetime:
    try:
        found = _read(query.get(name, ""))
    except ValueError:
        found = datetime.min
    if found.tzinfo is None or "T" not in query[name]:
        raise PayPalError("INVALID_DATE", "Seconds and a time zone are required.", field=name, status=400)
    return found


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC) if "T" in text else datetime.min


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    return int(text) if text.isdigit() else 0
