"""A doctor's week as a picture: what is open, what is closed and why, and how many visits each day has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app.core.tenant import db
from app.scheduling.models import (
    HOLDING,
    Appointment,
    AppointmentStatus,
    AvailabilityException,
    AvailabilityRule,
    DoctorLeave,
    ExceptionKind,
)
from app.scheduling.queries.availability import find_leave
from app.scheduling.queries.slots import local_bounds
from app.scheduling.timetable import days_from
from app.tenancy.queries import settings_in_scope

WEEKLY, EXTRA, CLOSED, HOLIDAY, LEAVE = "weekly", "extra", "closed", "holiday", "leave"
DAYS = 7
MINUTES_OF_A_DAY = 24 * 60
USUAL_HOURS = 8 * 60, 19 * 60


@dataclass(frozen=True)
class Block:
    """Time of one day, in minutes of the clinic's clock. `row` is what was entered."""

    kind: str
    begins: int
    ends: int
    row: Any

    @property
    def all_day(self) -> bool:
        return (self.begins, self.ends) == (0, MINUTES_OF_A_DAY)


@dataclass(frozen=True)
class PlannedDay:
    on: date
    blocks: list[Block] = field(default_factory=list)
    visits: int = 0

    @property
    def closed_all_day(self) -> list[Block]:
        return [block for block in self.blocks if block.all_day and block.kind not in (WEEKLY, EXTRA)]

    @property
    def works(self) -> bool:
        """Whether hours were entered for it, whatever closes them."""
        return any(block.kind in (WEEKLY, EXTRA) for block in self.blocks)


@dataclass(frozen=True)
class Week:
    """Seven days from a Monday. `opens` and `closes` are whole hours, in minutes, that show all open ones."""

    days: list[PlannedDay]
    opens: int
    closes: int

    @property
    def hours(self) -> range:
        return range(self.opens // 60, self.closes // 60)


def week_of(doctor_id: str, monday: date) -> Week:
    days = days_from(monday, DAYS)
    blocks, visits = _blocks(doctor_id, days), _visits(doctor_id, days)
    planned = [PlannedDay(day, blocks[day], visits.get(day, 0)) for day in days]
    parts = [block for day in planned for block in day.blocks if block.kind in (WEEKLY, EXTRA)]
    opens = min([USUAL_HOURS[0], *(block.begins for block in parts)])
    closes = max([USUAL_HOURS[1], *(block.ends for block in parts)])
    return Week(planned, opens // 60 * 60, -(-closes // 60) * 60)


def day_of(doctor_id: str, on: date) -> PlannedDay:
    """One day, without the count of its visits."""
    return PlannedDay(on, _blocks(doctor_id, [on])[on])


def _blocks(doctor_id: str, days: list[date]) -> dict[date, list[Block]]:
    found = [*_weekly(doctor_id, days), *_exceptions(doctor_id, days), *_leave(doctor_id, days)]
    return {day: sorted((block for on, block in found if on == day), key=_place) for day in days}


def _place(block: Block) -> tuple[int, int, str]:
    return block.begins, block.ends, block.kind


def _weekly(doctor_id: str, days: list[date]) -> Iterator[tuple[date, Block]]:
    table = AvailabilityRule
    wanted = select(table).where(table.doctor_id == doctor_id).options(joinedload(table.location))
    for rule in db.session.scalars(wanted):
        for day in days:
            if rule.weekday == day.weekday() and _covers(rule.valid_from, rule.valid_until, day):
                yield day, Block(WEEKLY, _minutes(rule.opens), _minutes(rule.closes), rule)


def _exceptions(doctor_id: str, days: list[date]) -> Iterator[tuple[date, Block]]:
    table = AvailabilityException
    wanted = select(table).where(
        (table.doctor_id == doctor_id) | table.doctor_id.is_(None),
        table.starts_on <= days[-1],
        table.ends_on >= days[0],
    )
    for item in db.session.scalars(wanted.options(joinedload(table.location))):
        for day in days:
            if _covers(item.starts_on, item.ends_on, day):
                begins = 0 if item.opens is None else _minutes(item.opens)
                ends = MINUTES_OF_A_DAY if item.closes is None else _minutes(item.closes)
                yield day, Block(_kind(item), begins, ends, item)


def _kind(item: AvailabilityException) -> str:
    if item.kind == ExceptionKind.ADD:
        return EXTRA
    return CLOSED if item.doctor_id else HOLIDAY


def _leave(doctor_id: str, days: list[date]) -> Iterator[tuple[date, Block]]:
    zone = ZoneInfo(settings_in_scope().zone)
    for leave in find_leave(doctor_id, *local_bounds(days[0], days[-1])):
        for day in days:
            begins, ends = local_bounds(day, day)
            if leave.starts_at < ends and leave.ends_at > begins:
                yield day, _block_of_leave(leave, day, zone)


def _block_of_leave(leave: DoctorLeave, day: date, zone: ZoneInfo) -> Block:
    starts, ends = leave.starts_at.astimezone(zone), leave.ends_at.astimezone(zone)
    first = _minutes(starts.time()) if starts.date() == day else 0
    last = _minutes(ends.time()) if ends.date() == day else MINUTES_OF_A_DAY
    return Block(LEAVE, first, last, leave)


def _visits(doctor_id: str, days: list[date]) -> dict[date, int]:
    """Visits that hold their time, and those that were held."""
    begins, ends = local_bounds(days[0], days[-1])
    on = func.date(func.timezone(settings_in_scope().zone, Appointment.starts_at)).label("on")
    counted = (
        select(on, func.count().label("visits"))
        .where(
            Appointment.doctor_id == doctor_id,
            Appointment.starts_at >= begins,
            Appointment.starts_at < ends,
            Appointment.status.in_((*HOLDING, AppointmentStatus.COMPLETED)),
        )
        .group_by(on)
    )
    return {row.on: row.visits for row in db.session.execute(counted)}


def _covers(first: date | None, last: date | None, day: date) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _minutes(at: time | datetime) -> int:
    return at.hour * 60 + at.minute


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
