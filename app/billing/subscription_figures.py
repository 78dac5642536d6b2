"""Figures of subscriptions, each in one statement: how many there are, what they bring a month, how many end.

MRR is the price before tax of every ACTIVE subscription, brought to a month (see `per_month`); trials and unpaid ones
bring nothing yet. Churn is the share of those that had begun before a span and ended within it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Numeric, Select, case, cast, func, or_, select, values
from sqlalchemy import column as sql_column

from app.billing.models import LIVE, BillingPeriod, Plan, Subscription, SubscriptionStatus
from app.billing.periods import PER_MONTH, per_month
from app.core import clock
from app.core.models import AwareTime
from app.core.money import Money
from app.core.tenant import db
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope

CHURN_DAYS = 30
MOST_MONTHS = 36


@dataclass(frozen=True)
class PlanFigures:
    """One plan's live subscriptions and what its active ones bring a month."""

    plan_id: str
    name: str
    live: int
    active: int
    mrr: Money


@dataclass(frozen=True)
class Churn:
    """Of `before` subscriptions that had begun, `lost` ended within the span that begins on `first`."""

    first: date
    before: int
    lost: int

    @property
    def percent(self) -> float:
        return round(100 * self.lost / self.before, 2) if self.before else 0.0


def count_by_status() -> dict[str, int]:
    """Every status, also with nobody in it."""
    rows = db.session.execute(select(Subscription.status, func.count()).group_by(Subscription.status))
    return {**dict.fromkeys(map(str, SubscriptionStatus), 0), **{str(row[0]): int(row[1]) for row in rows}}


def monthly_revenue() -> Money:
    """MRR: sums per period of the calendar, each brought to a month."""
    currency = settings_in_scope().currency
    wanted = select(Subscription.period, func.sum(Subscription.price_minor)).where(
        Subscription.status == SubscriptionStatus.ACTIVE, Subscription.currency == currency
    )
    rows = db.session.execute(wanted.group_by(Subscription.period))
    return Money.total((per_month(Money(int(row[1]), currency), row[0]) for row in rows), currency)


def monthly_minor() -> Any:
    """One subscription's price brought to a month, as SQL, for charts."""
    factor = case(
        {str(period): cast(PER_MONTH[period], Numeric) for period in BillingPeriod}, value=Subscription.period
    )
    return Subscription.price_minor * factor


def figures_by_plan() -> list[PlanFigures]:
    """Plans that anybody has, the one that brings most in front."""
    currency = settings_in_scope().currency
    running = Subscription.status == SubscriptionStatus.ACTIVE
    brought = func.coalesce(func.sum(monthly_minor()).filter(running), Decimal(0))
    wanted = (
        select(Plan.id, Plan.name, func.count(), func.count().filter(running), brought.label("brought"))
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(Subscription.status.in_(LIVE))
        .group_by(Plan.id, Plan.name)
        .order_by(brought.desc(), Plan.name)
    )
    return [
        PlanFigures(row[0], row[1], row[2], row[3], Money(round(row[4]), currency))
        for row in db.session.execute(wanted)
    ]


def churn_of_last_days(days: int = CHURN_DAYS) -> Churn:
    """The days up to now."""
    since = clock.now() - timedelta(days=days)
    (found,) = _churn([(since.date(), since, clock.now())])
    return found


def churn_by_month(months: int) -> list[Churn]:
    """Calendar months of the clinic up to the present one, the oldest first."""
    month = clock.today(settings_in_scope().zone).replace(day=1)
    firsts = [month]
    while len(firsts) < months:
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    spans = [(first, local_bounds(first, first)[0]) for first in reversed(firsts)]
    ends = [start for _first, start in spans[1:]] + [clock.now()]
    return _churn([(first, start, end) for (first, start), end in zip(spans, ends, strict=True)])


def _churn(spans: list[tuple[date, datetime, datetime]]) -> list[Churn]:
    span = values(
        sql_column("place", Numeric), sql_column("starts", AwareTime), sql_column("ends", AwareTime), name="span"
    ).data([(place, start, end) for place, (_first, start, end) in enumerate(spans)])
    rows = {int(row[0]): row for row in db.session.execute(_counted(span))}
    return [
        Churn(first, int(rows[place][1]), int(rows[place][2])) if place in rows else Churn(first, 0, 0)
        for place, (first, _start, _end) in enumerate(spans)
    ]


def _counted(span: Any) -> Select[Any]:
    """Per span: who had begun before and was still there, and which of those ended in it."""
    there = (Subscription.started_at < span.c.starts) & or_(
        Subscription.ended_at.is_(None), Subscription.ended_at >= span.c.starts
    )
    lost = Subscription.ended_at < span.c.ends
    return (
        select(span.c.place, func.count(), func.count().filter(lost))
        .select_from(Subscription)
        .join(span, there)
        .group_by(span.c.place)
    )
