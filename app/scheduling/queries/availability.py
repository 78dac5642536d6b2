"""A doctor's hours as they were entered."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import or_, select

from app.core.tenant import db
from app.scheduling.models import AvailabilityException, AvailabilityRule, DoctorLeave


def weekly_hours(doctor_id: str) -> list[AvailabilityRule]:
    wanted = select(AvailabilityRule).where(AvailabilityRule.doctor_id == doctor_id)
    return list(db.session.scalars(wanted.order_by(AvailabilityRule.weekday, AvailabilityRule.opens)))


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
