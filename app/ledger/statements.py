"""Account statements: what was booked on an account, line by line, with the balance after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import String, and_, cast, func, or_, select, tuple_

from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import DEBIT_KINDS, AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount

LINES_AT_ONCE = 200
# What a patient owes, and what the clinic owes them.
PATIENT_ACCOUNTS = (AccountCode.RECEIVABLE, AccountCode.PATIENT_CREDIT)


@dataclass(frozen=True)
class StatementLine:
    """`balance` is the account's after this line, in its own direction."""

    entry_id: str
    number: int | None
    booked_on: date
    kind: str
    memo: str
    source_table: str
    source_id: str
    patient_id: str | None
    debit: Money
    credit: Money
    balance: Money


@dataclass(frozen=True)
class Statement:
    """Part of an account's history; `following` names the place where the next part starts."""

    opening: Money
    lines: list[StatementLine]
    closing: Money
    following: str | None


@dataclass(frozen=True)
class Span:
    """Days, both included; `after` is the place ("2026-11-21:123") up to which an earlier part went."""

    first: date
    last: date
    after: str = ""

    @property
    def place(self) -> tuple[date, int] | None:
        day, _, number = self.after.partition(":")
        return (date.fromisoformat(day), int(number)) if day and number else None


def account_statement(account: LedgerAccount, currency: str, span: Span, patient_id: str | None = None) -> Statement:
    """What was booked on an account, of one patient or of all."""
    wanted = [JournalLine.account_id == account.id, JournalLine.currency == currency]
    if patient_id is not None:
        wanted.append(JournalLine.patient_id == patient_id)
    sign = 1 if account.kind in DEBIT_KINDS else -1
    return _statement(wanted, currency, span, sign)


def patient_statement(patient_id: str, currency: str, span: Span) -> Statement:
    """What a patient was charged (debit) and gave (credit); above zero they owe, below zero they have credit.

    Money that only went from their credit to an invoice changes nothing and is left out.
    """
    codes = [str(code) for code in PATIENT_ACCOUNTS]
    accounts = select(LedgerAccount.id).where(LedgerAccount.code.in_(codes))
    wanted = [
        JournalLine.account_id.in_(accounts),
        JournalLine.currency == currency,
        JournalLine.patient_id == patient_id,
    ]
    return _statement(wanted, currency, span, 1)


def currencies_of(account_id: str) -> list[str]:
    """In which an account was ever booked on."""
    wanted = select(JournalLine.currency).where(JournalLine.account_id == account_id).distinct()
    return list(db.session.scalars(wanted.order_by(JournalLine.currency)))


def _statement(wanted: Sequence[Any], currency: str, span: Span, sign: int) -> Statement:
    running = opening = sign * _sum_before(wanted, span)
    rows = db.session.execute(_page(wanted, span)).all()
    lines = []
    for row in rows[:LINES_AT_ONCE]:
        running += sign * int(row.net)
        net = Money(abs(int(row.net)), currency)
        nothing = Money.zero(currency)
        debit, credit = (net, nothing) if row.net > 0 else (nothing, net)
        about = (row.id, row.number, row.booked_on, row.kind, row.memo, row.source_table, row.source_id, row.patient_id)
        lines.append(StatementLine(*about, debit, credit, Money(running, currency)))
    more = len(rows) > LINES_AT_ONCE
    following = f"{lines[-1].booked_on.isoformat()}:{lines[-1].number}" if more else None
    return Statement(Money(opening, currency), lines, Money(running, currency), following)


_NET = func.sum(JournalLine.debit_minor - JournalLine.credit_minor)


def _page(wanted: Sequence[Any], span: Span) -> Any:
    """One row per entry that changed the balance; one more than is shown, to know whether there are more."""
    rows: Any = (
        select(
            JournalEntry.id,
            JournalEntry.number,
            JournalEntry.booked_on,
            JournalEntry.kind,
            JournalEntry.memo,
            JournalEntry.source_table,
            JournalEntry.source_id,
            func.max(cast(JournalLine.patient_id, String)).label("patient_id"),
            _NET.label("net"),
        )
        .join(JournalEntry, JournalEntry.id == JournalLine.entry_id)
        .where(*wanted, JournalEntry.booked_on >= span.first, JournalEntry.booked_on <= span.last)
        .group_by(JournalEntry.id)
        .having(_NET != 0)
        .order_by(JournalEntry.booked_on, JournalEntry.number)
        .limit(LINES_AT_ONCE + 1)
    )
    if span.place is not None:
        rows = rows.where(tuple_(JournalEntry.booked_on, JournalEntry.number) > span.place)
    return rows


def _sum_before(wanted: Sequence[Any], span: Span) -> int:
    """Everything before the first line that is shown."""
    before: Any = JournalEntry.booked_on < span.first
    if span.place is not None:
        on, number = span.place
        before = or_(JournalEntry.booked_on < on, and_(JournalEntry.booked_on == on, JournalEntry.number <= number))
    summed = select(func.coalesce(_NET, 0)).join(JournalEntry, JournalEntry.id == JournalLine.entry_id)
    return int(db.session.scalar(summed.where(*wanted, before)) or 0)
