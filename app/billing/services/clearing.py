"""Cards, UPI and cheques on their way to the bank: what the desk took so waits on an account of its own until the bank
has it. Callers commit.

`key` names one deed: sent twice, it is booked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.core.errors import Conflict, Invalid
from app.core.formatting import money
from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.queries import balance
from app.ledger.services import credit, debit, find_entry, lock_account, post
from app.payments.models import TenderKind
from app.payments.services.postings import TENDER_ACCOUNTS

CLEARED = "tender.cleared"
MEMO = 120
TENDERS = (TenderKind.CARD_TERMINAL, TenderKind.UPI, TenderKind.CHEQUE)


class MoreThanTaken(Conflict):
    """More is said to have reached the bank than was taken and waits."""

    code = "MORE_THAN_TAKEN"


@dataclass(frozen=True)
class Waiting:
    """What was taken by a tender and is not at the bank yet, by the ledger."""

    tender: str
    account_id: str | None
    amount: Money


@dataclass(frozen=True)
class Clearing:
    """What reached the bank of a tender, and what the bank kept."""

    entry_id: str
    booked_on: date
    tender: str
    received: Money
    kept: Money
    reference: str


def waiting_tenders(currency: str) -> list[Waiting]:
    """Tender by tender."""
    ids = _account_ids()
    return [
        Waiting(tender, ids.get(TENDER_ACCOUNTS[tender]), balance(TENDER_ACCOUNTS[tender], currency=currency))
        for tender in TENDERS
    ]


def clear_tender(tender: str, received: Money, kept: Money, reference: str, *, key: str) -> None:
    """What the desk took by `tender` reached the bank, less what the bank or its terminal's operator kept.

    Raises Invalid, MoreThanTaken.
    """
    if tender not in TENDERS:
        raise Invalid(fields={"tender": _("There is no such tender.")})
    account = TENDER_ACCOUNTS[TenderKind(tender)]
    account_id = lock_account(account)
    source = (LedgerAccount.__tablename__, account_id)
    if find_entry(CLEARED, source, key) is not None:
        return
    _check(received, kept)
    there = balance(account, currency=received.currency)
    if received + kept > there:
        raise MoreThanTaken(_("Only %(amount)s waits.", amount=money(there)))
    lines = [
        debit(AccountCode.BANK, received),
        debit(AccountCode.GATEWAY_FEES, kept),
        credit(account, received + kept),
    ]
    post(CLEARED, lines, source=source, memo=reference.strip()[:MEMO], source_key=key)


def latest_clearings(currency: str, limit: int) -> Sequence[Clearing]:
    """The newest first."""
    tenders = {str(TENDER_ACCOUNTS[tender]): str(tender) for tender in TENDERS}
    rows = db.session.execute(_clearings(currency, limit))
    return [
        Clearing(
            row.id, row.booked_on, tenders[row.code], Money(int(row.received), currency),
            Money(int(row.kept), currency), row.memo,
        )
        for row in rows
    ]  # fmt: skip


def _clearings(currency: str, limit: int) -> Any:
    on_bank = LedgerAccount.code == AccountCode.BANK
    on_fees = LedgerAccount.code == AccountCode.GATEWAY_FEES
    return (
        select(
            JournalEntry.id,
            JournalEntry.booked_on,
            JournalEntry.memo,
            func.coalesce(func.sum(JournalLine.debit_minor).filter(on_bank), 0).label("received"),
            func.coalesce(func.sum(JournalLine.debit_minor).filter(on_fees), 0).label("kept"),
            func.max(LedgerAccount.code).filter(JournalLine.credit_minor > 0).label("code"),
        )
        .join(JournalLine, JournalLine.entry_id == JournalEntry.id)
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(
            JournalEntry.kind == CLEARED,
            JournalEntry.source_table == LedgerAccount.__tablename__,
            JournalLine.currency == currency,
        )
        .group_by(JournalEntry.id)
        .order_by(JournalEntry.booked_on.desc(), JournalEntry.number.desc())
        .limit(limit)
    )


def _account_ids() -> dict[str, str]:
    codes = [str(TENDER_ACCOUNTS[tender]) for tender in TENDERS]
    wanted = select(LedgerAccount.code, LedgerAccount.id).where(LedgerAccount.code.in_(codes))
    return {row.code: row.id for row in db.session.execute(wanted)}


def _check(received: Money, kept: Money) -> None:
    if received.minor <= 0:
        raise Invalid(fields={"amount": _("The amount must be above zero.")})
    if kept.minor < 0:
        raise Invalid(fields={"kept": _("An amount is not negative.")})
