"""A doctor's day as a grid: what is free, what is taken, and the visit's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.formatting import period, plain
from app.core.tenant import db
from app.people.models import Doctor
from app.people.queries import doctors_by_name
from app.scheduling.models import Appointment
from app.scheduling.queries import local_day, slots
from app.scheduling.queries.slots import bookable, diary_of
from app.scheduling.queries.week import HOLIDAY, LEAVE, PlannedDay, day_of
from app.tenancy.queries import settings_in_scope

LOOK_AHEAD_DAYS = 14


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """One time of the grid; `own` is where the visit stands now."""

    starts_at: datetime
    location_id: str
    free: bool
    own: bool = False

    @property
    def value(self) -> str:
        """What the form sends."""
        return f"{self.starts_at.isoformat()}|{self.location_id}"


@dataclass(frozen=True)
class DoctorDay:
    """The times of one date, ahead of now; the dates before and after it, as far as the clinic books."""

    doctor: Doctor
    type: str
    on: date
    choices: list[SlotChoice]
    previous: date | None
    following: date | None

    @property
    def first_free(self) -> SlotChoice | None:
        return next((choice for choice in self.choices if choice.free), None)

    @property
    def note(self) -> str:
        """Why nothing is free, where the times themselves do not show it: whoever is on the telephone asks."""
        if self.first_free:
            return ""
        planned = day_of(self.doctor.id, self.on)
        return self._closed(planned) or ("" if self.choices else self._empty(planned))

    def _closed(self, planned: PlannedDay) -> str:
        closed = {block.kind: block.row for block in planned.closed_all_day}
        if leave := closed.get(LEAVE):
            dates = plain(period(leave.starts_at, leave.ends_at))
            return _("%(doctor)s is on leave: %(dates)s.", doctor=self.doctor.short_name, dates=dates)
        if (holiday := closed.get(HOLIDAY)) and not holiday.location_id:
            return _("Holiday: %(reason)s", reason=holiday.reason) if holiday.reason else _("Holiday")
        return ""

    def _empty(self, planned: PlannedDay) -> str:
        if planned.works:
            return _("No times on this day.")
        return _("%(doctor)s has no hours on this day.", doctor=self.doctor.short_name)


def doctor_day(
    doctor: Doctor, type: str, on: date, *, location_id: str | None = None, visit: Appointment | None = None
) -> DoctorDay:
    """The grid of a date. Raises NotFound."""
    today = clock.today(settings_in_scope().zone)
    on = max(on, today)
    last = today + timedelta(days=settings_in_scope().book_ahead_days)
    return DoctorDay(
        doctor,
        type,
        on,
        _choices(doctor.id, type, on, location_id, visit),
        on - timedelta(days=1) if on > today else None,
        on + timedelta(days=1) if on < last else None,
    )


def _choices(
    doctor_id: str, type: str, on: date, location_id: str | None, visit: Appointment | None
) -> list[SlotChoice]:
    diary = diary_of(doctor_id, on, type=type)
    free = {(slot.starts_at, slot.location_id) for slot in bookable(diary, on, 1, type, location_id)}
    own = (visit.starts_at, visit.location_id) if visit and local_day(visit.starts_at) == on else None
    times = {(slot.starts_at, slot.location_id) for slot in diary.timetable([on], type, location_id)}
    shown = {time for time in times if time[0] > clock.now()} | ({own} if own else set())
    return [SlotChoice(*time, free=time in free, own=time == own) for time in sorted(shown)]


def first_free_day(doctor_id: str, type: str, location_id: str | None = None) -> date:
    """The first date of the coming two weeks with a free time; today if there is none."""
    today = clock.today(settings_in_scope().zone)
    found = slots(doctor_id, today, LOOK_AHEAD_DAYS, type, location_id)
    return local_day(found[0].starts_at) if found else today


def bookable_doctors(location_id: str | None = None) -> list[Any]:
    """Rows of id, name parts and types, by name."""
    wanted = doctors_by_name(location_id=location_id).order_by(Doctor.search_name, Doctor.id)
    return list(db.session.execute(wanted))


def usual_doctor_id(patient_id: str, doctors: list[Any]) -> str | None:
    """Whom the patient saw last, or the first of the list."""
    wanted = select(Appointment.doctor_id).where(Appointment.patient_id == patient_id)
    last = db.session.scalar(wanted.order_by(Appointment.starts_at.desc()).limit(1))
    known = [doctor.id for doctor in doctors]
    return last if last in known else known[0] if known else None
