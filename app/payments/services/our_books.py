"""Our side of a reconciliation: what we know of the payments, refunds and disputes that a gateway lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import (
    Dispute,
    Payment,
    PaymentAttempt,
    ReconciliationRun,
    Refund,
    RefundStatus,
    Settlement,
    SettlementEntry,
)
from app.payments.services.matching import RETURNED, Books, OurSide, Subject
from app.tenancy.queries import settings_in_scope

MOST_ORDERS = 2_000


@dataclass(frozen=True, slots=True)
class DueOrder:
    """An order to ask about, at a gateway that lists no settlements. `fee` is what we know of it."""

    order_id: str
    on: date
    fee: Money | None


def books_of(
    run: ReconciliationRun, lines: Sequence[SettlementLine], watched: Iterable[str], settles_within: timedelta
) -> Books:
    """What we know of the lines, and what should stand among them: everything that moved long enough before the end of
    the span, and what a run before this one missed."""
    ids = {line.gateway_id for line in lines} | set(watched)
    start, end = _span(run.first_on, run.last_on)
    due = _moved_subjects(run.account_id, start - settles_within, min(end, clock.now()) - settles_within)
    known = {**_payments(run.provider, ids | {item for kind, item in due if kind is SettlementKind.PAYMENT})}
    known |= _refunds(run.provider, ids | {item for kind, item in due if kind is SettlementKind.REFUND})
    known |= _disputes(ids)
    missed = [subject for subject in known if subject[1] in set(watched) and _must_be_settled(subject)]
    expected = list(dict.fromkeys([*due, *missed]))
    return Books(known, _settled(run.account_id, expected), expected)


def due_orders(account_id: str, first_on: date, last_on: date) -> tuple[DueOrder, ...]:
    """The account's orders whose money came in the span."""
    start, end = _span(first_on, last_on)
    wanted = (
        select(Payment.order_id, Payment.completed_at, PaymentAttempt)
        .join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
        .where(Payment.account_id == account_id, Payment.completed_at >= start, Payment.completed_at < end)
        .where(Payment.order_id.is_not(None), PaymentAttempt.captured_minor > 0)
        .order_by(Payment.completed_at)
        .limit(MOST_ORDERS)
    )
    return tuple(DueOrder(row[0], row[1].date(), row[2].fee) for row in db.session.execute(wanted))


def known_side(provider: str, kind: SettlementKind, gateway_id: str) -> OurSide | None:
    """What we know of one subject."""
    known = {**_payments(provider, {gateway_id}), **_refunds(provider, {gateway_id}), **_disputes({gateway_id})}
    return known.get((kind, gateway_id))


def _must_be_settled(subject: Subject) -> bool:
    return subject[0] in (SettlementKind.PAYMENT, SettlementKind.REFUND)


def _span(first_on: date, last_on: date) -> tuple[datetime, datetime]:
    zone = ZoneInfo(settings_in_scope().zone)
    start = datetime.combine(first_on, time(), zone)
    return start.astimezone(UTC), datetime.combine(last_on + timedelta(days=1), time(), zone).astimezone(UTC)


def _payments(provider: str, ids: Iterable[str]) -> dict[Subject, OurSide]:
    wanted = (
        select(PaymentAttempt)
        .join(Payment, Payment.id == PaymentAttempt.payment_id)
        .where(Payment.provider == provider, PaymentAttempt.gateway_payment_id.in_(list(ids)))
        .where(PaymentAttempt.captured_minor > 0)
    )
    return {
        (SettlementKind.PAYMENT, item.gateway_payment_id): OurSide(item.captured, item.payment_id, fee=item.fee)
        for item in db.session.scalars(wanted)
    }


def _refunds(provider: str, ids: Iterable[str]) -> dict[Subject, OurSide]:
    wanted = (
        select(Refund)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.provider == provider, Refund.gateway_refund_id.in_(list(ids)))
        .where(Refund.status.in_((RefundStatus.SENT, RefundStatus.SETTLED)))
    )
    return {
        (SettlementKind.REFUND, str(item.gateway_refund_id)): OurSide(-item.amount, item.payment_id, item.id)
        for item in db.session.scalars(wanted)
    }


def _disputes(ids: Iterable[str]) -> dict[Subject, OurSide]:
    found: dict[Subject, OurSide] = {}
    for item in db.session.scalars(select(Dispute).where(Dispute.gateway_dispute_id.in_(list(ids)))):
        taken = (SettlementKind.DISPUTE, item.gateway_dispute_id)
        found[taken] = OurSide(-item.amount, item.payment_id)
        found[SettlementKind.DISPUTE, item.gateway_dispute_id + RETURNED] = OurSide(item.amount, item.payment_id)
    return found


def _moved_subjects(account_id: str, start: datetime, end: datetime) -> list[Subject]:
    """Payments and refunds whose money moved in a span of time."""
    paid = (
        select(PaymentAttempt.gateway_payment_id)
        .join(Payment, Payment.id == PaymentAttempt.payment_id)
        .where(Payment.account_id == account_id, PaymentAttempt.captured_minor > 0)
        .where(Payment.completed_at >= start, Payment.completed_at < end)
    )
    refunded = (
        select(Refund.gateway_refund_id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.account_id == account_id, Refund.status == RefundStatus.SETTLED)
        .where(Refund.gateway_refund_id.is_not(None), Refund.settled_at >= start, Refund.settled_at < end)
    )
    payments = [(SettlementKind.PAYMENT, str(item)) for item in db.session.scalars(paid)]
    return payments + [(SettlementKind.REFUND, str(item)) for item in db.session.scalars(refunded)]


def _settled(account_id: str, due: Sequence[Subject]) -> frozenset[Subject]:
    """What of it stands in a settlement that is kept."""
    wanted = (
        select(SettlementEntry.kind, SettlementEntry.gateway_id)
        .join(Settlement, Settlement.id == SettlementEntry.settlement_row_id)
        .where(Settlement.account_id == account_id)
        .where(SettlementEntry.gateway_id.in_([gateway_id for _kind, gateway_id in due]))
    )
    return frozenset((SettlementKind(kind), gateway_id) for kind, gateway_id in db.session.execute(wanted))
