"""Doctors with open hours, and visits, committed to the clinic in scope."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import Range

from app.core import clock
from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import Appointment, AvailabilityException, AvailabilityRule, DoctorLeave
from app.scheduling.services import add_leave, book_appointment
from app.tenancy.models import Location, Room
from tests.daytime import ZONE, ZONE_NAME
from tests.factories.commits import one_commit
from tests.factories.people import make_doctor, make_patient

_numbers = count(1)


def make_location(**overrides: Any) -> Location:
    with one_commit():
        location = Location(**{"name": f"Branch {next(_numbers)}", **overrides})
        db.session.add(location)
    return location


def make_room(location: Location, **overrides: Any) -> Room:
    with one_commit():
        room = Room(**{"location_id": location.id, "name": f"Room {next(_numbers)}", **overrides})
        db.session.add(room)
    return room


def make_rule(doctor: Doctor, location: Location, weekday: int, **overrides: Any) -> AvailabilityRule:
    """Weekly hours, 9 to 12 in quarters of an hour."""
    values = {"opens": time(9), "closes": time(12), "slot_minutes": 15, **overrides}
    with one_commit():
        rule = AvailabilityRule(doctor_id=doctor.id, location_id=location.id, weekday=weekday, **values)
        db.session.add(rule)
    return rule


def make_exception(doctor: Doctor | None, kind: str, on: date, **overrides: Any) -> AvailabilityException:
    """One day taken away or added."""
    values = {"starts_on": on, "ends_on": on, "slot_minutes": 15, **overrides}
    with one_commit():
        item = AvailabilityException(doctor_id=doctor.id if doctor else None, kind=kind, **values)
        db.session.add(item)
    return item


def make_doctor_leave(doctor: Doctor | None = None, **overrides: Any) -> DoctorLeave:
    """Tomorrow, all day."""
    values = {"starts_at": local(tomorrow(), 0), "ends_at": local(tomorrow() + timedelta(days=1), 0), **overrides}
    with one_commit():
        return add_leave((doctor or make_doctor()).id, **values)


def make_open_doctor(
    location: Location | None = None, *, hours: dict[str, Any] | None = None, **overrides: Any
) -> Doctor:
    """A doctor whom one can book from 0 to 24 o'clock, less the last quarter of an hour, every day."""
    with one_commit():
        location = location or make_location()
        doctor = make_doctor(location_ids=(location.id,), **overrides)
        for weekday in range(7):
            make_rule(doctor, location, weekday, **{"opens": time(0), "closes": time(23, 45), **(hours or {})})
    return doctor


def local(day: date, hour: int = 10, minute: int = 0, zone: ZoneInfo = ZONE) -> datetime:
    """A moment by the clinic's clock."""
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def tomorrow() -> date:
    return clock.today(ZONE_NAME) + timedelta(days=1)


def make_appointment(
    doctor: Doctor | None = None, *, starts_at: datetime | None = None, **overrides: Any
) -> Appointment:
    """A visit tomorrow at ten, unless the time is given, booked by nobody in particular."""
    doctor = doctor or make_open_doctor()
    values = {"type": "IN_PERSON", "starts_at": starts_at or local(tomorrow()), **overrides}
    with one_commit():
        patient_id = values.pop("patient_id", None) or make_patient().id
        return book_appointment(doctor_id=doctor.id, patient_id=patient_id, **values)


def begin_now(visit: Appointment) -> Appointment:
    """Let a booked visit have begun a minute ago, as time does."""
    by = clock.now() - timedelta(minutes=1) - visit.starts_at
    with one_commit():
        visit.starts_at, visit.ends_at = visit.starts_at + by, visit.ends_at + by
        visit.busy = Range(visit.busy.lower + by, visit.busy.upper + by)
    return visit
