"""The calendar's columns: doctors side by side on one date, or on each day of a week; their visits in one statement.

Times are told by the clinic's wall clock, so that no browser has to know a time zone; a slot also tells its instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date, ngettext
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.people.models import Doctor
from app.people.queries import doctors_by_name
from app.scheduling.models import AppointmentStatus
from app.scheduling.queries import appointment_rows
from app.scheduling.queries.slots import diary_of
from app.scheduling.services.booking import MOVABLE
from app.scheduling.timetable import Slot
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope

DAY, WEEK = "day", "week"
# Seen unless somebody asks for the others: a visit that was called off takes no time.
STANDING = tuple(
    str(status)
    for status in AppointmentStatus
    if status not in (AppointmentStatus.CANCELLED, AppointmentStatus.DECLINED)
)
LAST_MINUTE = "24:00"


@dataclass(frozen=True)
class CalendarQuery:
    """What the calendar shows. A week is the chosen doctors'; a day is everybody's, or the chosen doctors'."""

    view: str
    on: date
    doctor_ids: tuple[str, ...] = ()
    location_id: str | None = None
    type: str | None = None
    statuses: tuple[str, ...] = ()

    @property
    def days(self) -> list[date]:
        if self.view == DAY:
            return [self.on]
        monday = self.on - timedelta(days=self.on.weekday())
        return [monday + timedelta(days=number) for number in range(7)]

    @property
    def step(self) -> timedelta:
        """From one page of the calendar to the next."""
        return timedelta(days=1 if self.view == DAY else 7)


@dataclass
class Column:
    """One doctor on one date."""

    doctor: Any
    on: date
    slots: list[Slot] = field(default_factory=list)
    visits: list[Any] = field(default_factory=list)


def calendar_of(asked: CalendarQuery, *, hours: bool = True) -> dict[str, Any]:
    """The columns with their slots, and the visits in them, ready for the browser.

    Without `hours` it costs three statements however many doctors there are: what changes when a visit does.
    """
    zone = ZoneInfo(settings_in_scope().zone)
    columns = _columns(asked, zone, hours=hours)
    return {
        "days": [day.isoformat() for day in asked.days],
        "columns": [_show_column(column, asked, zone) for column in columns],
        "visits": [_show_visit(row, column, zone) for column in columns for row in column.visits],
        "now": _wall(clock.now(), clock.today(str(zone)), zone),
    }


def _columns(asked: CalendarQuery, zone: ZoneInfo, *, hours: bool) -> list[Column]:
    """Doctors of whom there is nothing to see on that day have no column."""
    visits = _visits(asked, zone)
    doctors = _doctors(asked, {doctor_id for doctor_id, _day in visits})
    made = [Column(doctor, day, visits=visits.get((doctor.id, day), [])) for day in asked.days for doctor in doctors]
    if hours:
        _fill_slots(made, asked, zone)
    if not hours or asked.view == WEEK or asked.doctor_ids:
        return made
    return [column for column in made if column.slots or column.visits]


def _visits(asked: CalendarQuery, zone: ZoneInfo) -> dict[tuple[str, date], list[Any]]:
    """Rows by doctor and date."""
    days = asked.days
    rows = appointment_rows(
        first=days[0],
        last=days[-1],
        doctor_id=asked.doctor_ids[0] if len(asked.doctor_ids) == 1 else None,
        location_id=asked.location_id,
        type=asked.type,
        statuses=asked.statuses or STANDING,
    )
    found: dict[tuple[str, date], list[Any]] = {}
    for row in db.session.execute(rows.statement, rows.values):
        if not asked.doctor_ids or row.doctor_id in asked.doctor_ids:
            found.setdefault((row.doctor_id, row.starts_at.astimezone(zone).date()), []).append(row)
    return found


def _doctors(asked: CalendarQuery, with_visits: Iterable[str]) -> list[Any]:
    """The chosen doctors, or those who work there and whoever has visits all the same, by last name, as it is shown."""
    wanted = doctors_by_name(location_id=asked.location_id).with_only_columns(Doctor.id)
    ids = Doctor.id.in_(asked.doctor_ids) if asked.doctor_ids else Doctor.id.in_(wanted) | Doctor.id.in_(with_visits)
    columns = Doctor.id, Doctor.title, Doctor.first_name, Doctor.last_name, Room.name.label("room")
    named = select(*columns).outerjoin(Room, Room.id == Doctor.default_room_id).where(ids)
    return list(db.session.execute(named.order_by(Doctor.last_name, Doctor.first_name, Doctor.id)))


def _fill_slots(columns: list[Column], asked: CalendarQuery, zone: ZoneInfo) -> None:
    days = asked.days
    by_place = {(column.doctor.id, column.on): column for column in columns}
    for doctor_id in dict.fromkeys(column.doctor.id for column in columns):
        diary = diary_of(doctor_id, days[0], len(days))
        for slot in diary.timetable(days, asked.type, asked.location_id):
            by_place[doctor_id, slot.starts_at.astimezone(zone).date()].slots.append(slot)


def _show_column(column: Column, asked: CalendarQuery, zone: ZoneInfo) -> dict[str, Any]:
    """What its head says is what tells it from the others: the doctor, the day, or both."""
    doctor = column.doctor
    name = f"{doctor.title} {doctor.last_name or doctor.first_name}".strip()
    day, room = format_date(column.on, "EEE d MMM"), doctor.room if asked.view == DAY else ""
    several = asked.view == WEEK and len(asked.doctor_ids) > 1
    return {
        "doctorId": doctor.id,
        "doctor": f"{doctor.title} {doctor.first_name} {doctor.last_name}".strip(),
        "on": column.on.isoformat(),
        "title": name if several or asked.view == DAY else day,
        "day": day if several else "",
        "note": " · ".join(filter(None, (room, ngettext("%(num)s visit", "%(num)s visits", len(column.visits))))),
        "spoken": f"{name}, {day}",
        "today": column.on == clock.today(str(zone)),
        "slots": [_show_slot(slot, column.on, zone) for slot in column.slots],
    }


def _show_slot(slot: Slot, on: date, zone: ZoneInfo) -> list[Any]:
    """Wall clock from and until, the instant, the place: a list, since a day has hundreds."""
    return [
        _wall(slot.starts_at, on, zone),
        _wall(slot.ends_at, on, zone),
        slot.starts_at.isoformat(),
        slot.location_id,
    ]


def _show_visit(row: Any, column: Column, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": row.id,
        "doctorId": row.doctor_id,
        "on": column.on.isoformat(),
        "from": _wall(row.starts_at, column.on, zone),
        "until": _wall(row.ends_at, column.on, zone),
        "at": row.starts_at.isoformat(),
        "locationId": row.location_id,
        "patient": f"{row.patient_first_name} {row.patient_last_name}".strip(),
        "status": row.status,
        "type": row.type,
        "overbooked": row.overbooked,
        "movable": row.status in MOVABLE,
    }


def _wall(moment: datetime, on: date, zone: ZoneInfo) -> str:
    """'09:15' by the clinic's clock on that date; what ends on a later date ends with the day."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if local.date() <= on else LAST_MINUTE


def open_locations() -> list[Location]:
    """The branches that are worked at, by name."""
    return list(db.session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)))
