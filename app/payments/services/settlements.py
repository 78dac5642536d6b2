"""Keeping what the gateways paid out, and booking it: each settlement once, however often its lines are fetched."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import Payment, PaymentAttempt, Settlement, SettlementEntry
from app.payments.services.postings import book_fee, book_settlement
from app.tenancy.queries import settings_in_scope

LATER, LONGEST_NAME = "+", 70  # "2026-11-21+2": what came later on that day


def store_lines(provider: str, account_id: str, lines: Sequence[SettlementLine]) -> None:
    """Keep what is new, with its lines, and book fees and transfers. What is known is left alone.

    Lines that come late to a known settlement make one of their own: PayPal's is a day, whose rows come within hours.
    """
    by_settlement: dict[tuple[str, str], list[SettlementLine]] = defaultdict(list)
    for line in lines:
        by_settlement[line.settlement_id, line.net.currency].append(line)
    for (settlement_id, currency), group in by_settlement.items():
        parts = _known_parts(account_id, settlement_id, currency)
        fresh = _without_known(group, parts)
        if fresh:
            name = f"{settlement_id[:LONGEST_NAME]}{LATER}{len(parts) + 1}" if parts else settlement_id
            _store(provider, account_id, name, currency, fresh)


def stored_lines(account_id: str, first_on: date, last_on: date) -> list[SettlementLine]:
    """The lines that were settled in a span of the clinic's days."""
    start, end = _span(first_on, last_on)
    wanted = _entries(account_id).where(SettlementEntry.settled_at >= start, SettlementEntry.settled_at < end)
    return [_as_line(entry, settlement) for entry, settlement in db.session.execute(wanted)]


def lines_about(account_id: str, gateway_ids: Iterable[str]) -> list[SettlementLine]:
    """Every line about some of the gateway's ids, the oldest first."""
    wanted = _entries(account_id).where(SettlementEntry.gateway_id.in_(list(gateway_ids)))
    return [_as_line(entry, settlement) for entry, settlement in db.session.execute(wanted)]


def entry_line(entry: SettlementEntry) -> SettlementLine:
    return _as_line(entry, entry.settlement)


def _span(first_on: date, last_on: date) -> tuple[datetime, datetime]:
    """A day more on both sides: the gateway's days are of its own zone."""
    zone = ZoneInfo(settings_in_scope().zone)
    start = datetime.combine(first_on - timedelta(days=1), time(), zone)
    return start.astimezone(UTC), datetime.combine(last_on + timedelta(days=2), time(), zone).astimezone(UTC)


def _entries(account_id: str) -> Any:
    return (
        select(SettlementEntry, Settlement)
        .join(Settlement, Settlement.id == SettlementEntry.settlement_row_id)
        .where(Settlement.account_id == account_id)
        .order_by(SettlementEntry.settled_at, SettlementEntry.id)
    )


def _known_parts(account_id: str, settlement_id: str, currency: str) -> list[str]:
    """The rows that a settlement has so far."""
    name = Settlement.settlement_id
    wanted = select(Settlement.id).where(
        Settlement.account_id == account_id,
        Settlement.currency == currency,
        or_(name == settlement_id[:80], name.startswith(settlement_id[:LONGEST_NAME] + LATER, autoescape=True)),
    )
    return list(db.session.scalars(wanted))


def _without_known(lines: Sequence[SettlementLine], parts: Sequence[str]) -> list[SettlementLine]:
    """A line that is told more often than it is known is new."""
    if not parts:
        return list(lines)
    wanted = select(SettlementEntry.kind, SettlementEntry.gateway_id).where(
        SettlementEntry.settlement_row_id.in_(parts)
    )
    known = Counter((row.kind, row.gateway_id) for row in db.session.execute(wanted))
    fresh = []
    for line in lines:
        subject = (str(line.kind), line.gateway_id[:80])
        if known[subject]:
            known[subject] -= 1
        else:
            fresh.append(line)
    return fresh


def _store(provider: str, account_id: str, settlement_id: str, currency: str, lines: Sequence[SettlementLine]) -> None:
    settlement = Settlement(
        id=new_id(),
        provider=provider,
        account_id=account_id,
        settlement_id=settlement_id[:80],
        currency=currency,
        gross_minor=sum(line.gross.minor for line in lines),
        fee_minor=sum(line.fee.minor for line in lines),
        tax_minor=sum(line.tax.minor for line in lines),
        net_minor=sum(line.net.minor for line in lines),
        settled_at=max(line.settled_at for line in lines),
        bank_reference=next((line.bank_reference[:80] for line in lines if line.bank_reference), ""),
    )
    db.session.add(settlement)
    db.session.flush()
    attempts = _attempts(provider, lines)
    seen: Counter[tuple[str, str]] = Counter()
    for line in lines:
        seen[line.kind, line.gateway_id] += 1
        attempt = attempts.get(line.gateway_id) if line.kind is SettlementKind.PAYMENT else None
        db.session.add(_entry(settlement, line, seen[line.kind, line.gateway_id], attempt))
        if attempt is not None:
            _take_fee(attempt, line)
    db.session.flush()
    charges = Money.total((line.fee - line.gross for line in lines if line.kind is SettlementKind.FEE), currency)
    book_settlement(settlement, charges)


def _attempts(provider: str, lines: Sequence[SettlementLine]) -> dict[str, PaymentAttempt]:
    ids = [line.gateway_id for line in lines if line.kind is SettlementKind.PAYMENT]
    wanted = (
        select(PaymentAttempt)
        .join(Payment, Payment.id == PaymentAttempt.payment_id)
        .where(Payment.provider == provider, PaymentAttempt.gateway_payment_id.in_(ids))
    )
    return {attempt.gateway_payment_id: attempt for attempt in db.session.scalars(wanted)}


def _entry(
    settlement: Settlement, line: SettlementLine, occurrence: int, attempt: PaymentAttempt | None
) -> SettlementEntry:
    return SettlementEntry(
        id=new_id(),
        settlement_row_id=settlement.id,
        kind=line.kind,
        gateway_id=line.gateway_id[:80],
        occurrence=occurrence,
        order_id=line.order_id,
        payment_id=attempt.payment_id if attempt is not None else None,
        currency=line.net.currency,
        gross_minor=line.gross.minor,
        fee_minor=line.fee.minor,
        tax_minor=line.tax.minor,
        net_minor=line.net.minor,
        presented_minor=line.presented.minor if line.presented is not None else None,
        presented_currency=line.presented.currency if line.presented is not None else None,
        settled_at=line.settled_at,
    )


def _take_fee(attempt: PaymentAttempt, line: SettlementLine) -> None:
    """A gateway that told no fee with the payment tells it here."""
    if attempt.fee_minor is not None or not attempt.captured_minor:
        return
    attempt.fee_minor, attempt.fee_tax_minor, attempt.fee_currency = line.fee.minor, line.tax.minor, line.fee.currency
    if line.fee.minor > 0:
        book_fee(attempt, line.fee, line.tax)


def _as_line(entry: SettlementEntry, settlement: Settlement) -> SettlementLine:
    presented = None
    if entry.presented_minor is not None and entry.presented_currency is not None:
        presented = Money(entry.presented_minor, entry.presented_currency)
    return SettlementLine(
        settlement_id=settlement.settlement_id,
        kind=SettlementKind(entry.kind),
        gateway_id=entry.gateway_id,
        gross=entry.gross,
        fee=entry.fee,
        tax=Money(entry.tax_minor, entry.currency),
        net=entry.net,
        settled_at=entry.settled_at,
        order_id=entry.order_id,
        bank_reference=settlement.bank_reference,
        presented=presented,
    )
