"""Takings: what payments brought and refunds took, from the journal: they equal the ledger to the last paisa."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Integer, and_, case, cast, func, select
from sqlalchemy.orm import aliased

from app.billing.models import Invoice
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.payments.models import Payment, PaymentAttempt, Refund
from app.reports.models import TakingsDay
from app.reports.rollups import ROLLUPS, Rollup, sums_between

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
    return (
        select(*columns)
        .select_from(JournalEntry)
        .join(
            JournalLine, and_(JournalLine.clinic_id == JournalEntry.clinic_id, JournalLine.entry_id == JournalEntry.id)
        )
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .outerjoin(_ORIGINAL, _ORIGINAL.id == JournalEntry.reverses_id)
        .where(func.coalesce(_ORIGINAL.kind, JournalEntry.kind).in_(TAKEN_OR_GIVEN), LedgerAccount.code.in_(TENDERS))
    )


def takings(first: date, last: date) -> Any:
    """A subquery of takings by GRAIN, with what came and went and how often, over some days, both included."""
    return sums_between(TAKINGS, first, last)


def _of_journal(days: list[date]) -> Any:
    """The journal's lines of some days, summed by GRAIN."""
    about = func.coalesce(_ORIGINAL.source_table, JournalEntry.source_table)
    row_id = func.coalesce(_ORIGINAL.source_id, JournalEntry.source_id)
    # What came is a capture or its reversal, what went a refund or its reversal: netted on their own side.
    came = about == PaymentAttempt.__tablename__
    net = JournalLine.debit_minor - JournalLine.credit_minor
    sign = case((JournalEntry.reverses_id.is_(None), 1), else_=-1)
    grain = (
        JournalEntry.booked_on.label("booked_on"),
        JournalLine.currency.label("currency"),
        LedgerAccount.code.label("account_code"),
        Payment.provider.label("provider"),
        Invoice.doctor_id.label("doctor_id"),
        Invoice.location_id.label("location_id"),
    )
    return (
        moved(
            *grain,
            func.sum(case((came, net), else_=0)).label("came_minor"),
            cast(func.sum(case((came, sign), else_=0)), Integer).label("came_count"),
            func.sum(case((came, 0), else_=-net)).label("went_minor"),
            cast(func.sum(case((came, 0), else_=sign)), Integer).label("went_count"),
        )
        .outerjoin(PaymentAttempt, and_(came, PaymentAttempt.id == row_id))
        .outerjoin(Refund, and_(about == Refund.__tablename__, Refund.id == row_id))
        .join(Payment, Payment.id == func.coalesce(PaymentAttempt.payment_id, Refund.payment_id))
        .outerjoin(Invoice, Invoice.id == Payment.invoice_id)
        .where(JournalEntry.booked_on.in_(days))
        .group_by(*grain)
    )


TAKINGS = Rollup(TakingsDay, (*GRAIN, *SUMS), _of_journal)
ROLLUPS.append(TAKINGS)
