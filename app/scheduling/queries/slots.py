"""A doctor's bookable slots: their hours, one query for everything busy or held, and arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, cast, func, null, or_, select, union_all

from app.catalog.queries import visit_buffers
from app.core import clock
from app.core.errors import NotFound
from app.core.principal import find_principal
from app.core.tenant import db
from app.people.models import AppointmentType, Doctor
from app.scheduling.models import HOLDING, Appointment, AvailabilityException, AvailabilityRule, ExceptionKind, SlotHold
from app.scheduling.timetable import (
    NO_BUFFERS,
    Buffers,
    Closure,
    Hours,
    Occupancy,
    Occupation,
    Slot,
    day_bounds,
    days_from,
    timetable,
)
from app.tenancy.models import Room
from app.tenancy.queries import settings_in_scope

ALTERNATIVES = 3
NO_ROOM = cast(null(), Appointment.room_id.type)
LONGEST_VISIT = timedelta(days=1)  # buffers included: slot lengths and buffers are bounded in their tables
SEARCH_DAYS = (7, 28, 120)


@dataclass(frozen=True, slots=True)
class Diary:
    """What decides a doctor's slots: who they are, and the hours they keep."""

    doctor_id: str
    active: bool
    types: tuple[str, ...]
    default_room: tuple[str, str] | None  # room, its location
    zone: ZoneInfo
    weekly: tuple[Hours, ...]
    added: tuple[Hours, ...]
    closures: tuple[Closure, ...]

    def timetable(self, days: Iterable[date], type: str | None, location_id: str | None) -> list[Slot]:
        """Every slot of the days, taken or not, for a type of visit."""
        if not self.active or (type and type not in self.types):
            return []
        weekly, added = (
            [self._with_room(item, type) for item in hours if _serves(item, type, location_id)]
            for hours in (self.weekly, self.added)
        )
        return timetable(days, weekly, added, self.closures, self.zone)

    def _with_room(self, hours: Hours, type: str | None) -> Hours:
        """A visit in person takes the hours' room, or the doctor's usual one; others take none."""
        if type != AppointmentType.IN_PERSON:
            return replace(hours, room_id=None)
        if hours.room_id is None and self.default_room and self.default_room[1] == hours.location_id:
            return replace(hours, room_id=self.default_room[0])
        return hours


def _serves(hours: Hours, type: str | None, location_id: str | None) -> bool:
    return (type is None or type in hours.types) and location_id in (None, hours.location_id)


def slots(
    doctor_id: str, first: date, days: int = 1, type: str | None = None, location_id: str | None = None
) -> list[Slot]:
    """What can be booked from `first` on (the clinic's dates). Raises NotFound."""
    return bookable(diary_of(doctor_id, first, days), first, days, type, location_id)


def bookable(diary: Diary, first: date, days: int, type: str | None, location_id: str | None) -> list[Slot]:
    """The free slots of a diary that lie ahead of now and within the clinic's booking window."""
    earliest, latest = clock.now(), last_bookable()
    wanted = [
        slot
        for slot in diary.timetable(days_from(first, days), type, location_id)
        if earliest < slot.starts_at < latest
    ]
    if not wanted:
        return []
    occupancy = occupancy_of(diary.doctor_id, wanted, buffers_of(diary.doctor_id, type))
    free = (replace(slot, free_seats=occupancy.free_seats(slot)) for slot in wanted)
    return [slot for slot in free if slot.free_seats]


def last_bookable() -> datetime:
    return clock.now() + timedelta(days=settings_in_scope().book_ahead_days)


def free_slots_from(
    diary: Diary, moment: datetime, type: str, location_id: str | None, limit: int = ALTERNATIVES
) -> list[Slot]:
    """The next free slots at or after a moment, looking further ahead only while there are too few."""
    first = max(moment, clock.now()).astimezone(diary.zone).date()
    found: list[Slot] = []
    for days in SEARCH_DAYS:
        wider = diary_of(diary.doctor_id, first, days)
        found = [slot for slot in bookable(wider, first, days, type, location_id) if slot.starts_at >= moment]
        if len(found) >= limit:
            break
    return found[:limit]


def slots_at(diary: Diary, starts_at: datetime, type: str, location_id: str | None) -> list[Slot]:
    """The slots of the timetable, taken or not, that begin at that moment: one per location."""
    day = starts_at.astimezone(diary.zone).date()
    return [slot for slot in diary.timetable([day], type, location_id) if slot.starts_at == starts_at]


# ---- what is busy ----


def occupancy_of(
    doctor_id: str, wanted: list[Slot], buffers: Buffers, *, except_appointment_id: str | None = None
) -> Occupancy:
    """Everything that is busy or held around the slots, for the doctor and for the slots' rooms. One query."""
    window = (
        min(slot.starts_at for slot in wanted) - LONGEST_VISIT - buffers.before,
        max(slot.ends_at for slot in wanted) + LONGEST_VISIT + buffers.after,
    )
    rooms = {slot.room_id for slot in wanted if slot.room_id}
    rows = db.session.execute(_busy_rows(doctor_id, rooms, window, except_appointment_id))
    return Occupancy((Occupation(*row) for row in rows), buffers)


def buffers_of(doctor_id: str, type: str | None) -> Buffers:
    """What the visit's service asks for before and after; none while the type is open."""
    if type is None:
        return NO_BUFFERS
    before, after = visit_buffers(doctor_id, type)
    return Buffers(timedelta(minutes=before), timedelta(minutes=after))


def _busy_rows(
    doctor_id: str, rooms: set[str], window: tuple[datetime, datetime], except_appointment_id: str | None
) -> Any:
    """Times are compared, not ranges: `&&` loses its index behind row-level security (DESIGN 9)."""
    visits = _visits(window).where(Appointment.doctor_id == doctor_id)
    if except_appointment_id:
        visits = visits.where(Appointment.id != except_appointment_id)
    parts = [visits, _holds(doctor_id, window)]
    if rooms:
        in_rooms = _visits(window, Appointment.room_id).where(Appointment.room_id.in_(rooms))
        parts.append(in_rooms.where(Appointment.doctor_id != doctor_id))
    return union_all(*parts)


def _visits(window: tuple[datetime, datetime], room: Any = None) -> Select[Any]:
    room_only = NO_ROOM if room is None else room
    return select(*_columns(Appointment), room_only).where(
        Appointment.starts_at >= window[0],
        Appointment.starts_at < window[1],
        Appointment.status.in_(HOLDING),
        Appointment.overbooked.is_(False),
    )


def _holds(doctor_id: str, window: tuple[datetime, datetime]) -> Select[Any]:
    """Live holds of other people: one's own is no obstacle."""
    principal = find_principal()
    others = or_(SlotHold.held_by_id.is_(None), SlotHold.held_by_id != (principal.user_id if principal else None))
    return select(*_columns(SlotHold), NO_ROOM).where(
        SlotHold.doctor_id == doctor_id,
        SlotHold.starts_at >= window[0],
        SlotHold.starts_at < window[1],
        SlotHold.expires_at > clock.now(),
        others,
    )


def _columns(table: Any) -> Iterator[Any]:
    """As Occupation takes them; a range of seats with an end is one seat."""
    yield func.lower(table.busy)
    yield func.upper(table.busy)
    yield table.starts_at
    yield func.upper(table.seats) - 1


# ---- what the doctor keeps open ----


def diary_of(doctor_id: str, first: date, days: int = 1) -> Diary:
    """The doctor's hours as far as they matter for the days. Raises NotFound."""
    doctor = db.session.execute(
        select(Doctor.active, Doctor.types, Room.id.label("room_id"), Room.location_id)
        .outerjoin(Room, (Room.id == Doctor.default_room_id) & Room.active.is_(True))
        .where(Doctor.id == doctor_id)
    ).one_or_none()
    if doctor is None:
        raise NotFound
    last = first + timedelta(days=days - 1)
    exceptions = db.session.execute(_exceptions(doctor_id, first, last)).all()
    return Diary(
        doctor_id=doctor_id,
        active=doctor.active,
        types=tuple(doctor.types),
        default_room=(doctor.room_id, doctor.location_id) if doctor.room_id else None,
        zone=ZoneInfo(settings_in_scope().zone),
        weekly=tuple(_hours(row, row.weekday) for row in db.session.execute(_rules(doctor_id))),
        added=tuple(_hours(row) for row in exceptions if row.kind == ExceptionKind.ADD),
        closures=tuple(_closure(row) for row in exceptions if row.kind == ExceptionKind.REMOVE),
    )


def _hours_columns(table: Any) -> tuple[Any, ...]:
    return (
        table.opens, table.closes, table.location_id, table.room_id, table.types, table.slot_minutes, table.capacity
    )  # fmt: skip


def _rules(doctor_id: str) -> Select[Any]:
    table = AvailabilityRule
    first_last = table.valid_from.label("first_on"), table.valid_until.label("last_on")
    return select(*_hours_columns(table), table.weekday, *first_last).where(table.doctor_id == doctor_id)


def _exceptions(doctor_id: str, first: date, last: date) -> Select[Any]:
    table = AvailabilityException
    first_last = table.starts_on.label("first_on"), table.ends_on.label("last_on")
    return select(*_hours_columns(table), table.kind, *first_last).where(
        or_(table.doctor_id == doctor_id, table.doctor_id.is_(None)), table.starts_on <= last, table.ends_on >= first
    )


def _hours(row: Any, weekday: int | None = None) -> Hours:
    return Hours(
        row.opens,
        row.closes,
        row.location_id,
        row.room_id,
        tuple(row.types),
        row.slot_minutes,
        row.capacity,
        weekday,
        row.first_on,
        row.last_on,
    )


def _closure(row: Any) -> Closure:
    return Closure(row.first_on, row.last_on, row.opens, row.closes, row.location_id)


def local_day(moment: datetime) -> date:
    """The clinic's date of a moment."""
    return moment.astimezone(ZoneInfo(settings_in_scope().zone)).date()


def local_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """The moments between which the clinic's dates `first` to `last` lie; the second is outside."""
    return day_bounds(first, last, ZoneInfo(settings_in_scope().zone))
