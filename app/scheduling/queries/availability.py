"""A doctor's hours as they were entered."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import Select, or_, select

from app.core.errors import NotFound
from app.core.tenant import db
from app.scheduling.models import AvailabilityException, AvailabilityRule, DoctorLeave, ExceptionKind

Row = TypeVar("Row")


def weekly_hours(doctor_id: str) -> list[AvailabilityRule]:
    wanted = select(AvailabilityRule).where(AvailabilityRule.doctor_id == doctor_id)
    return list(db.session.scalars(wanted.order_by(AvailabilityRule.weekday, AvailabilityRule.opens)))


def get_rule(rule_id: str) -> AvailabilityRule:
    """Raises NotFound."""
    return _one(select(AvailabilityRule).where(AvailabilityRule.id == rule_id))


def get_exception(exception_id: str) -> AvailabilityException:
    """A doctor's own, or a holiday. Raises NotFound."""
    return _one(select(AvailabilityException).where(AvailabilityException.id == exception_id))


def get_holiday(holiday_id: str) -> AvailabilityException:
    """Raises NotFound, also for an exception of one doctor."""
    return _one(holidays().where(AvailabilityException.id == holiday_id))


def holidays() -> Select[tuple[AvailabilityException]]:
    """Days on which the clinic, or one of its locations, is closed."""
    table = AvailabilityException
    return select(table).where(table.doctor_id.is_(None), table.kind == ExceptionKind.REMOVE)


def _one(wanted: Select[tuple[Row]]) -> Row:
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound
    return found


def exceptions_from(doctor_id: str, day: date) -> list[AvailabilityException]:
    """The doctor's exceptions, and the clinic's holidays, that are not over on that day."""
    table = AvailabilityException
    wanted = select(table).where(or_(table.doctor_id == doctor_id, table.doctor_id.is_(None)), table.ends_on >= day)
    return list(db.session.scalars(wanted.order_by(table.starts_on, table.opens)))


def find_leave(doctor_id: str, begins: datetime, ends: datetime) -> list[DoctorLeave]:
    """The doctor's leave that counts and touches the time, in order."""
    table = DoctorLeave
    wanted = select(table).where(table.doctor_id == doctor_id, table.starts_at < ends, table.ends_at > begins)
    return list(db.session.scalars(wanted.where(table.cancelled_at.is_(None)).order_by(table.starts_at, table.id)))
