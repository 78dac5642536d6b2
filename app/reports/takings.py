"""Takings: what payments brought and refunds took, from the journal: they equal the ledger to the last paisa."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import Integer, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import aliased

from app.billing.models import Invoice
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.payments.models import Payment, PaymentAttempt, Refund
from app.reports.models import TakingsDay
from app.reports.rollups import Rollup, first_of, sums_between

TENDERS = (
    AccountCode.CASH,
    AccountCode.UPI_CLEARING,
    AccountCode.CARD_CLEARING,
    AccountCode.GATEWAY_CLEARING,
    AccountCode.CHEQUE_CLEARING,
    AccountCode.BANK,
)
TAKEN_OR_GIVEN = ("payment.captured", "refund.sent", "refund.settled")
GRAIN = ("booked_on", "currency", "account_code", "provider", "doctor_id", "location_id")
SUMS = ("came_minor", "came_count", "went_minor", "went_count")

_ORIGINAL = aliased(JournalEntry)


def moved(*columns: Any) -> Any:
    """Lines on the tenders' accounts by which payments came and refunds went, or by which those were reversed."""
    return _lines_on(_tenders(), *columns).join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)


def _lines_on(account_ids: Iterable[str], *columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(JournalEntry)
        .join(
            JournalLine, and_(JournalLine.clinic_id == JournalEntry.clinic_id, JournalLine.entry_id == JournalEntry.id)
        )
        .outerjoin(_ORIGINAL, _ORIGINAL.id == JournalEntry.reverses_id)
        .where(
            or_(JournalEntry.kind.in_(TAKEN_OR_GIVEN), _ORIGINAL.kind.in_(TAKEN_OR_GIVEN)),
            JournalLine.account_id.in_(list(account_ids)),
        )
    )


def _tenders() -> dict[str, str]:
    """Codes of the tenders' accounts by their ids. Asked for first: joined, they would be where the database begins."""
    rows = db.session.execute(select(LedgerAccount.id, LedgerAccount.code).where(LedgerAccount.code.in_(TENDERS)))
    return {row.id: row.code for row in rows}


def takings(first: date, last: date) -> Any:
    """A subquery of takings by GRAIN, with what came and went and how often, over some days, both included."""
    return sums_between(TAKINGS, first, last)


def _of_journal(days: list[date]) -> Any:
    """The journal's lines of some days, summed by GRAIN."""
    tenders = _tenders()
    about = first_of(_ORIGINAL.source_table, JournalEntry.source_table)
    row_id = first_of(_ORIGINAL.source_id, JournalEntry.source_id)
    # What came is a capture or its reversal, what went a refund or its reversal: netted on their own side.
    came = about == PaymentAttempt.__tablename__
    net = JournalLine.debit_minor - JournalLine.credit_minor
    sign = case((JournalEntry.reverses_id.is_(None), 1), else_=-1)
    codes = [(JournalLine.account_id == key, str(code)) for key, code in tenders.items()]
    code_of = case(*codes, else_="") if codes else literal("")  # a clinic that never booked has no accounts
    grain = (
        JournalEntry.booked_on.label("booked_on"),
        JournalLine.currency.label("currency"),
        code_of.label("account_code"),
        Payment.provider.label("provider"),
        Invoice.doctor_id.label("doctor_id"),
        Invoice.location_id.label("location_id"),
    )
    return (
        _lines_on(
            tenders,
            *grain,
            func.sum(case((came, net), else_=0)).label("came_minor"),
            cast(func.sum(case((came, sign), else_=0)), Integer).label("came_count"),
            func.sum(case((came, 0), else_=-net)).label("went_minor"),
            cast(func.sum(case((came, 0), else_=sign)), Integer).label("went_count"),
        )
        .outerjoin(PaymentAttempt, and_(came, PaymentAttempt.id == row_id))
        .outerjoin(Refund, and_(about == Refund.__tablename__, Refund.id == row_id))
        .join(Payment, Payment.id == first_of(PaymentAttempt.payment_id, Refund.payment_id))
        .outerjoin(Invoice, Invoice.id == Payment.invoice_id)
        .where(JournalEntry.booked_on.in_(days))
        .group_by(*grain)
    )


TAKINGS = Rollup(TakingsDay, (*GRAIN, *SUMS), _of_journal)
