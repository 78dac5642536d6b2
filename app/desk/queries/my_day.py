"""A doctor's figures of today and the week ahead, each in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Date, cast, func, select

from app.core import clock
from app.core.tenant import db
from app.desk.queries.visits import EXPECTED, GONE
from app.queueing.models import QueueToken
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds, local_day
from app.scheduling.queries.slots import bookable, diary_of
from app.scheduling.timetable import days_from
from app.tenancy.queries import settings_in_scope

WEEK = 7


@dataclass(frozen=True, slots=True)
class Figures:
    """Today so far. `average` is the length of a visit, `waited` the wait until the call; None before the first."""

    seen: int
    to_come: int
    no_shows: int
    average: timedelta | None
    waited: timedelta | None
    behind: timedelta | None


@dataclass(frozen=True, slots=True)
class DayAhead:
    """One date of the week: visits that stand, times that are left, and whether the doctor works at all."""

    on: date
    visits: int
    free: int
    works: bool


def figures_of(doctor_id: str) -> Figures:
    """In two statements: visits, and waits of the queue. `behind` is how late the next expected visit is."""
    today = clock.today(settings_in_scope().zone)
    first, last = local_bounds(today, today)
    is_, took = Appointment.status, Appointment.completed_at - Appointment.started_at
    row = db.session.execute(
        select(
            func.count().filter(is_ == AppointmentStatus.COMPLETED),
            func.count().filter(is_.in_(EXPECTED)),
            func.count().filter(is_ == AppointmentStatus.NO_SHOW),
            func.avg(took).filter(is_ == AppointmentStatus.COMPLETED),
            func.min(Appointment.starts_at).filter(is_ == AppointmentStatus.CHECKED_IN),
        ).where(Appointment.doctor_id == doctor_id, Appointment.starts_at >= first, Appointment.starts_at < last)
    ).one()
    waited = select(func.avg(QueueToken.called_at - QueueToken.arrived_at)).where(
        QueueToken.doctor_id == doctor_id, QueueToken.queued_on == today, QueueToken.called_at.is_not(None)
    )
    seen, to_come, no_shows, average, first_waiting = row
    behind = clock.now() - first_waiting if first_waiting else timedelta(0)
    return Figures(
        seen, to_come, no_shows, average, db.session.scalar(waited), behind if behind > timedelta(0) else None
    )


def week_ahead(doctor_id: str) -> list[DayAhead]:
    """Today and the six days after it, in two statements."""
    today = clock.today(settings_in_scope().zone)
    days = days_from(today, WEEK)
    diary = diary_of(doctor_id, today, WEEK)
    works = {local_day(slot.starts_at) for slot in diary.timetable(days, None, None)}
    free: dict[date, int] = {}
    for slot in bookable(diary, today, WEEK, None, None):
        on = local_day(slot.starts_at)
        free[on] = free.get(on, 0) + 1
    booked = _visits_by_day(doctor_id, days)
    return [DayAhead(day, booked.get(day, 0), free.get(day, 0), day in works) for day in days]


def _visits_by_day(doctor_id: str, days: list[date]) -> dict[date, int]:
    first, last = local_bounds(days[0], days[-1])
    on: Any = cast(func.timezone(settings_in_scope().zone, Appointment.starts_at), Date)
    wanted = select(on, func.count()).where(
        Appointment.doctor_id == doctor_id,
        Appointment.starts_at >= first,
        Appointment.starts_at < last,
        Appointment.status.not_in(GONE),
    )
    return {row[0]: row[1] for row in db.session.execute(wanted.group_by(on))}
