"""Sums of days that are over, made once from the journal; reports add the journal's own of the other days to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import case, cast, func, insert, literal, select

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, require_clinic
from app.ledger.models import JournalEntry
from app.ledger.periods import lock_books
from app.reports.models import RolledDay
from app.tenancy.queries import settings_in_scope

# Nobody can book meanwhile; usually there is one day to be summed up.
DAYS_AT_ONCE = 10


@dataclass(frozen=True)
class Rollup:
    """`model` keeps what `of_journal(days)`, a select with the columns `names`, finds of some days."""

    model: Any
    names: tuple[str, ...]
    of_journal: Callable[[list[date]], Any]


def sums_between(rollup: Rollup, first: date, last: date) -> Any:
    """A subquery of the rollup's columns over some days, both included."""
    rolled = select(RolledDay.booked_on).where(RolledDay.booked_on >= first, RolledDay.booked_on <= last)
    done = set(db.session.scalars(rolled))
    kept = select(*(getattr(rollup.model, name) for name in rollup.names)).where(
        rollup.model.booked_on >= first, rollup.model.booked_on <= last
    )
    open_days = [day for day in _days(first, min(last, _today())) if day not in done]
    return (kept.union_all(rollup.of_journal(open_days)) if open_days else kept).subquery()


def roll_up(rollups: Sequence[Rollup]) -> int:
    """Sum up the days of the journal that are over, the oldest first, at most DAYS_AT_ONCE; how many.

    The books are locked for a moment: a transaction that began before midnight must have booked before.
    """
    oldest = db.session.scalar(select(func.min(JournalEntry.booked_on)))
    if oldest is None:
        return 0
    done = set(db.session.scalars(select(RolledDay.booked_on)))
    wanted = [day for day in _days(oldest, _today() - timedelta(days=1)) if day not in done][:DAYS_AT_ONCE]
    if not wanted:
        return 0
    lock_books()
    for rollup in rollups:
        for day in wanted:  # a statement each, which the database answers from indexes
            _keep(rollup, [day])
    db.session.add_all([RolledDay(id=new_id(), booked_on=day) for day in wanted])
    db.session.flush()
    return len(wanted)


def first_of(column: Any, otherwise: Any) -> Any:
    """coalesce() of two columns, as rows may be looked up by under row-level security.

    PostgreSQL takes a COALESCE for something that could leak rows, and would read the whole table instead of its index.
    """
    return case((column.is_not(None), column), else_=otherwise)


def _keep(rollup: Rollup, days: list[date]) -> None:
    made = rollup.of_journal(days).subquery()
    now = clock.now()
    fixed = {"clinic_id": require_clinic(), "created_at": now, "updated_at": now}
    values = select(
        func.gen_random_uuid(),
        *(cast(literal(value), rollup.model.__table__.c[name].type) for name, value in fixed.items()),
        *(made.c[name] for name in rollup.names),
    )
    db.session.execute(insert(rollup.model).from_select(["id", *fixed, *rollup.names], values, include_defaults=False))


def _today() -> date:
    return clock.today(settings_in_scope().zone)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
