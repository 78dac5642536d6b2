"""The account's balance: an entry for whatever moves it, and payouts that say which entries they pay."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe.merchant import CODE, Event, Merchant, StripeAccount

ENTRY = "balance_transaction"
DISPUTE_FEE = 1500


def fee_of(amount: int) -> tuple[int, int]:
    """Two per cent and 18 % tax on it; the fee includes the tax."""
    base = (amount * 2 + 50) // 100
    tax = (base * 18 + 50) // 100
    return base + tax, tax


def book(merchant: Merchant, source: Entity, amount: int, *, kind: str, category: str, **fields: Any) -> Entity:
    """An entry for `amount`, above zero where it adds to the balance."""
    fee, tax = fields.pop("fee", 0), fields.pop("tax", 0)
    parts = [("stripe_fee", fee - tax), ("tax", tax)]
    details = [
        {"amount": part, "application": None, "currency": source["currency"], "description": None, "type": name}
        for name, part in parts
        if part
    ]
    entry = merchant.new(
        ENTRY, "txn", amount=amount, available_on=clock.timestamp(), currency=source["currency"], description=None,
        exchange_rate=None, fee=fee, fee_details=details, net=amount - fee, reporting_category=category,
        source=source["id"], status="available", type=kind, **fields,
    )  # fmt: skip
    return merchant.put(entry, parent=source["id"])


def book_charge(merchant: Merchant, charge: Entity, amount: int) -> Entity:
    fee, tax = fee_of(amount)
    return book(merchant, charge, amount, kind="charge", category="charge", fee=fee, tax=tax)


def totals(merchant: Merchant) -> Entity:
    """What could be paid out, per currency."""
    open_entries = _open(merchant)
    available = [{"amount": _net(entries), "currency": currency} for currency, entries in open_entries.items()]
    mode = merchant.account.livemode
    return {"object": "balance", "available": available, "livemode": mode, "pending": []}


def _open(merchant: Merchant) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = {}
    for entry in merchant.every(ENTRY):
        if not entry.get("_payout"):
            found.setdefault(entry["currency"], []).append(entry)
    return found


def _net(entries: list[Entity]) -> int:
    return sum(entry["net"] for entry in entries)


def settle(sandbox: Sandbox, command: dict[str, Any]) -> list[Entity]:
    """One payout per account and currency with something open; `accountId` limits it to one account."""
    payouts: list[Entity] = []
    for provider, account in sandbox.accounts.all():
        wanted = command.get("accountId") in (None, account.identity)
        if provider == CODE and isinstance(account, StripeAccount) and wanted:
            payouts += _pay_out(Merchant(account, sandbox))
    return payouts


def _pay_out(merchant: Merchant) -> list[Entity]:
    with merchant.sandbox.store.transaction():
        return [_payout(merchant, currency, entries) for currency, entries in _open(merchant).items()]


def _payout(merchant: Merchant, currency: str, entries: list[Entity]) -> Entity:
    midnight = int(datetime.combine(datetime.now(UTC).date(), time(), UTC).timestamp())
    payout = merchant.new(
        "payout", "po", amount=_net(entries), arrival_date=midnight, automatic=True, currency=currency,
        description="STRIPE PAYOUT", failure_code=None, method="standard", reconciliation_status="completed",
        status="paid", trace_id={"status": "supported", "value": random_text(12, "0123456789")}, type="bank_account",
    )  # fmt: skip
    own = book(merchant, payout, -payout["amount"], kind="payout", category="payout")
    payout = merchant.put({**payout, "balance_transaction": own["id"]})
    for entry in (*entries, own):
        merchant.put({**entry, "_payout": payout["id"]})
    events: list[Event] = [(f"payout.{step}", payout) for step in ("created", "paid", "reconciliation_completed")]
    merchant.announce(payout["id"], *events)
    return payout
