"""PayPal's transaction search read as settlement lines.

Facts (vendor documentation): at most 31 days per search, seconds in every time, pages of up to 500; rows come up to
three hours late. A transaction's code says what it is: T00.. payments, T1107 a refund, T1201 and T1106 what a dispute
took, T1202 and T1108 what it gave back, T04.. withdrawals to the bank. A capture of a reservation names the
authorization as its reference. Fees are negative numbers. An id is not unique: the code belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from pydantic import AwareDatetime

from app.core.money import Money
from app.payments.gateways.base import SettlementKind, SettlementLine
from app.payments.gateways.paypal_client import PayPalClient
from app.payments.gateways.paypal_entities import Amount, Entity, Text, parsed

ToMoney = Callable[[str, str], Money]
LONGEST = timedelta(days=31)
PAGE = 500
SETTLED = "S"
_WITHDRAWAL = "T04"
_KINDS = {
    "T00": SettlementKind.PAYMENT,
    "T01": SettlementKind.FEE,
    "T1107": SettlementKind.REFUND,
    "T1106": SettlementKind.DISPUTE,
    "T1108": SettlementKind.DISPUTE,
    "T1201": SettlementKind.DISPUTE,
    "T1202": SettlementKind.DISPUTE,
}


class Transaction(Entity):
    transaction_id: str
    transaction_event_code: str
    transaction_status: str
    transaction_amount: Amount
    fee_amount: Amount | None = None
    transaction_updated_date: AwareDatetime
    paypal_reference_id: Text = ""
    paypal_reference_id_type: Text = ""
    custom_field: Text = ""


class Detail(Entity):
    transaction_info: Transaction


class Page(Entity):
    transaction_details: list[Detail] = []
    total_pages: int = 0


def read_statement(client: PayPalClient, first: date, last: date, money: ToMoney) -> list[SettlementLine]:
    """The lines of the days (UTC), the oldest first. Raises ProviderError, and ValueError for amounts that are none."""
    found = [item for item in _transactions(client, first, last) if _counts(item)]
    found.sort(key=lambda item: item.transaction_updated_date)
    lines: list[SettlementLine] = []
    parts: dict[tuple[str, str], int] = {}
    for item in found:
        line = _line(item, money)
        at = parts.setdefault((line.settlement_id, line.gateway_id), len(lines)) if _is_part(item) else len(lines)
        if at < len(lines):
            lines[at] = _joined(lines[at], line)
        else:
            lines.append(line)
    return lines


def _joined(one: SettlementLine, other: SettlementLine) -> SettlementLine:
    """Two captures of one reservation: one payment of ours."""
    return replace(one, gross=one.gross + other.gross, fee=one.fee + other.fee, net=one.net + other.net)


def _counts(item: Transaction) -> bool:
    """What is in our balance for good, and not on its way to the bank."""
    return item.transaction_status == SETTLED and not item.transaction_event_code.startswith(_WITHDRAWAL)


def _transactions(client: PayPalClient, first: date, last: date) -> Iterator[Transaction]:
    while first <= last:
        end = min(first + LONGEST - timedelta(days=1), last)
        yield from _span(client, first, end)
        first = end + timedelta(days=1)


def _span(client: PayPalClient, first: date, last: date) -> Iterator[Transaction]:
    number, pages = 1, 1
    while number <= pages:
        query = {
            "start_date": f"{first}T00:00:00Z",
            "end_date": f"{last}T23:59:59Z",
            "fields": "all",
            "page_size": PAGE,
            "page": number,
        }
        response = client.get("/v1/reporting/transactions", query=query)
        if not response.ok:
            raise client.error(response)
        page = parsed(Page, response.json_object())
        yield from (detail.transaction_info for detail in page.transaction_details)
        number, pages = number + 1, page.total_pages


def _line(item: Transaction, money: ToMoney) -> SettlementLine:
    gross = money(item.transaction_amount.value, item.transaction_amount.currency_code)
    fee = (
        -money(item.fee_amount.value, item.fee_amount.currency_code) if item.fee_amount else Money.zero(gross.currency)
    )
    kind = _kind(item.transaction_event_code)
    parent = item.paypal_reference_id if item.paypal_reference_id_type == "TXN" else ""
    # A reservation is one payment of ours, whatever its captures are called.
    id = parent or item.transaction_id if kind is SettlementKind.PAYMENT else item.transaction_id
    return SettlementLine(
        settlement_id=f"{item.transaction_updated_date:%Y-%m-%d}",
        kind=kind,
        gateway_id=id,
        gross=gross,
        fee=fee,
        tax=Money.zero(fee.currency),
        net=gross - fee,
        settled_at=item.transaction_updated_date,
        payment_id=id if kind is SettlementKind.PAYMENT else parent or None,
        reference=item.custom_field,
    )


def _is_part(item: Transaction) -> bool:
    return _kind(item.transaction_event_code) is SettlementKind.PAYMENT and item.paypal_reference_id_type == "TXN"


def _kind(code: str) -> SettlementKind:
    return _KINDS.get(code) or _KINDS.get(code[:3], SettlementKind.ADJUSTMENT)
