"""Balances, all summed from the journal's lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import DEBIT_KINDS
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.tenancy.queries import settings_in_scope


@dataclass(frozen=True)
class TrialBalanceLine:
    """One account in one currency: everything ever booked on each side up to a date."""

    account_id: str
    code: str
    name: str
    kind: str
    debit: Money
    credit: Money

    @property
    def balance(self) -> Money:
        """In the account's own direction: an asset grows with debits, a liability with credits."""
        return self.debit - self.credit if self.kind in DEBIT_KINDS else self.credit - self.debit


def balance(account_code: str, patient_id: str | None = None, *, currency: str | None = None) -> Money:
    """An account's balance in its own direction, of one patient or of all; by default in the clinic's currency."""
    currency = currency or settings_in_scope().currency
    wanted = (
        select(LedgerAccount.kind, func.sum(JournalLine.debit_minor - JournalLine.credit_minor))
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(LedgerAccount.code == account_code, JournalLine.currency == currency)
        .group_by(LedgerAccount.kind)
    )
    if patient_id is not None:
        wanted = wanted.where(JournalLine.patient_id == patient_id)
    row = db.session.execute(wanted).one_or_none()
    if row is None:
        return Money.zero(currency)
    minor = int(row[1])
    return Money(minor if row[0] in DEBIT_KINDS else -minor, currency)


def booked_since(account_code: str, first: date) -> list[Money]:
    """What an account changed from a day on, in its own direction, by currency."""
    wanted = (
        select(JournalLine.currency, LedgerAccount.kind, func.sum(JournalLine.debit_minor - JournalLine.credit_minor))
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .join(JournalEntry, JournalEntry.id == JournalLine.entry_id)
        .where(LedgerAccount.code == account_code, JournalEntry.booked_on >= first)
        .group_by(JournalLine.currency, LedgerAccount.kind)
        .order_by(JournalLine.currency)
    )
    rows = db.session.execute(wanted)
    return [Money(int(net) if kind in DEBIT_KINDS else -int(net), currency) for currency, kind, net in rows]


def trial_balance(until: date | None = None) -> list[TrialBalanceLine]:
    """Every account that was ever booked on, per currency, with what was booked up to and including `until`."""
    wanted = (
        select(
            LedgerAccount.id,
            LedgerAccount.code,
            LedgerAccount.name,
            LedgerAccount.kind,
            JournalLine.currency,
            func.sum(JournalLine.debit_minor),
            func.sum(JournalLine.credit_minor),
        )
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .group_by(LedgerAccount.id, JournalLine.currency)
        .order_by(JournalLine.currency, LedgerAccount.kind, LedgerAccount.code)
    )
    if until is not None:
        wanted = wanted.join(JournalEntry, JournalEntry.id == JournalLine.entry_id).where(
            JournalEntry.booked_on <= until
        )
    return [
        TrialBalanceLine(row[0], row[1], row[2], row[3], Money(int(row[5]), row[4]), Money(int(row[6]), row[4]))
        for row in db.session.execute(wanted)
    ]


def trial_balance_totals(lines: Sequence[TrialBalanceLine]) -> list[tuple[Money, Money]]:
    """Debits and credits per currency; equal, or the books are wrong."""
    currencies = sorted({line.debit.currency for line in lines})
    return [
        (
            Money.total((line.debit for line in lines if line.debit.currency == currency), currency),
            Money.total((line.credit for line in lines if line.credit.currency == currency), currency),
        )
        for currency in currencies
    ]


def entries_about(table: str, row_id: str) -> list[JournalEntry]:
    """The entries whose source is a row, the oldest first; reversals of them are not among them."""
    return list(
        db.session.scalars(
            select(JournalEntry)
            .where(JournalEntry.source_table == table, JournalEntry.source_id == row_id)
            .order_by(JournalEntry.id)
        )
    )
