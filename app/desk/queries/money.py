"""Finance's figures, each in one statement: what came in, what is owed, what waits for somebody.

Takings are read from the journal, so that they equal the ledger to the last paisa (SPEC REP-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, select

from app.access.models import User
from app.billing.models import OWED, Invoice
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.payments.models import Payment, PaymentStatus, Refund, RefundStatus, WebhookEvent, WebhookStatus
from app.payments.services import may_decide
from app.people.models import Patient
from app.reports.takings import TENDERS, moved
from app.tenancy.queries import settings_in_scope

MOST_ROWS = 50
# A notice that still waits after this long is no longer only early.
STUCK_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tender:
    """What one tender brought and what went back by it."""

    code: str
    came: Money
    went: Money

    @property
    def net(self) -> Money:
        return self.came - self.went


@dataclass(frozen=True, slots=True)
class Owed:
    """Issued invoices that are not settled, and those of them past their due date."""

    count: int
    total: Money
    overdue_count: int
    overdue: Money


@dataclass(frozen=True, slots=True)
class WaitingRefund:
    """A refund that waits for a decision; `decidable` is the rule of two persons for whoever looks."""

    refund: Refund
    payment: Payment
    patient_name: str
    patient_mrn: str
    asked_by: str
    decidable: bool


@dataclass(frozen=True, slots=True)
class DayTakings:
    """Net takings of one date, by tender."""

    on: date
    by_tender: dict[str, int]

    @property
    def minor(self) -> int:
        return sum(self.by_tender.values())


def takings_on(day: date) -> list[Tender]:
    """By tender, those without any left out."""
    currency = settings_in_scope().currency
    wanted = moved(LedgerAccount.code, func.sum(JournalLine.debit_minor), func.sum(JournalLine.credit_minor)).where(
        JournalEntry.booked_on == day, JournalLine.currency == currency
    )
    sums = {row[0]: row for row in db.session.execute(wanted.group_by(LedgerAccount.code))}
    return [
        Tender(str(code), Money(int(sums[code][1]), currency), Money(int(sums[code][2]), currency))
        for code in TENDERS
        if code in sums
    ]


def takings_of_days(days: int) -> list[DayTakings]:
    """The last `days` dates up to today, each with what it brought."""
    currency, today = settings_in_scope().currency, clock.today(settings_in_scope().zone)
    first = today - timedelta(days=days - 1)
    net = func.sum(JournalLine.debit_minor - JournalLine.credit_minor)
    wanted = moved(JournalEntry.booked_on, LedgerAccount.code, net).where(
        JournalEntry.booked_on >= first, JournalLine.currency == currency
    )
    sums: dict[date, dict[str, int]] = {}
    for on, code, minor in db.session.execute(wanted.group_by(JournalEntry.booked_on, LedgerAccount.code)):
        sums.setdefault(on, {})[code] = int(minor)
    dates = (first + timedelta(days=number) for number in range(days))
    return [DayTakings(on, sums.get(on, {})) for on in dates]


def owed_by_patients() -> Owed:
    settings = settings_in_scope()
    due = Invoice.total_minor - Invoice.paid_minor - Invoice.credited_minor
    late = Invoice.due_on < clock.today(settings.zone)
    row = db.session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(due), 0),
            func.count().filter(late),
            func.coalesce(func.sum(due).filter(late), 0),
        ).where(Invoice.status.in_(OWED), Invoice.currency == settings.currency)
    ).one()
    return Owed(row[0], Money(int(row[1]), settings.currency), row[2], Money(int(row[3]), settings.currency))


def waiting_refunds() -> list[WaitingRefund]:
    """The oldest first."""
    rows = db.session.execute(
        select(Refund, Payment, Patient.first_name, Patient.last_name, Patient.mrn, User.first_name, User.last_name)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Patient, Patient.id == Payment.patient_id)
        .outerjoin(User, User.id == Refund.requested_by_id)
        .where(Refund.status == RefundStatus.REQUESTED)
        .order_by(Refund.created_at, Refund.id)
        .limit(MOST_ROWS)
    )
    return [
        WaitingRefund(
            refund=row[0],
            payment=row[1],
            patient_name=f"{row[2]} {row[3]}".strip(),
            patient_mrn=row[4],
            asked_by=f"{row[5] or ''} {row[6] or ''}".strip(),
            decidable=may_decide(row[0]),
        )
        for row in rows
    ]


def unclear_payments() -> list[tuple[Payment, str, datetime]]:
    """Payments whose outcome the gateway has not told, with the patient's name and since when."""
    rows = db.session.execute(
        select(Payment, Patient.first_name, Patient.last_name)
        .join(Patient, Patient.id == Payment.patient_id)
        .where(Payment.status == PaymentStatus.UNKNOWN)
        .order_by(Payment.created_at, Payment.id)
        .limit(MOST_ROWS)
    )
    return [(row[0], f"{row[1]} {row[2]}".strip(), row[0].updated_at) for row in rows]


def troubled_webhooks() -> list[WebhookEvent]:
    """Notices that failed for good, and those that have waited too long for what they are about."""
    stuck = and_(WebhookEvent.status == WebhookStatus.WAITING, WebhookEvent.created_at < clock.now() - STUCK_AFTER)
    wanted = select(WebhookEvent).where((WebhookEvent.status == WebhookStatus.PARKED) | stuck)
    return list(db.session.scalars(wanted.order_by(WebhookEvent.created_at).limit(MOST_ROWS)))
