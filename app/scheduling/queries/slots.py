"""A doctor's bookable slots: their hours, one query for everything busy or held, and arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from app.catalog.queries import VISIT_BUFFERS
from app.core import clock
from app.core.errors import NotFound
from app.core.principal import find_principal
from app.core.tenant import db, scoped
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
NOBODY = "00000000-0000-0000-0000-000000000000"
NO_ROOM = cast(null(), Appointment.room_id.type)
LONGEST_VISIT = timedelta(days=1)  # buffers included: slot lengths and buffers are bounded in their tables
SEARCH_DAYS = (7, 28, 120)
DAYS_OF_A_WEEK = 7
WEEKLY = "WEEKLY"


@dataclass(frozen=True, slots=True)
class Diary:
    """What decides a doctor's slots: who they are, and the hours they keep."""

    doctor_id: str
    active: bool
    types: tuple[str, ...]
    default_room: tuple[str, str] | None  # room, its location
    zone: ZoneInfo
    buffers: Buffers
    weekly: tuple[Hours, ...]
    added: tuple[Hours, ...]
    closures: tuple[Closure, ...]

    def timetable(
        self, days: Iterable[date], type: str | None, location_id: str | None, at: datetime | None = None
    ) -> list[Slot]:
        """Every slot of the days, taken or not, for a type of visit; with `at` those that begin at that moment."""
        if not self.active or (type and type not in self.types):
            return []
        weekly, added = (
            [self._with_room(item, type) for item in hours if _serves(item, type, location_id)]
            for hours in (self.weekly, self.added)
        )
        return timetable(days, weekly, added, self.closures, self.zone, at)

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
    return bookable(diary_of(doctor_id, first, days, type), first, days, type, location_id)


def bookable(diary: Diary, first: date, days: int, type: str | None, location_id: str | None) -> list[Slot]:
    """The free slots of a type's diary that lie ahead of now and within the clinic's booking window."""
    earliest, latest = clock.now(), last_bookable()
    wanted = [
        slot
        for slot in diary.timetable(days_from(first, days), type, location_id)
        if earliest < slot.starts_at < latest
    ]
    if not wanted:
        return []
    occupancy = occupancy_of(diary, wanted)
    return [slot.with_free(seats) for slot in wanted if (seats := occupancy.free_seats(slot))]


def last_bookable() -> datetime:
    return clock.now() + timedelta(days=settings_in_scope().book_ahead_days)


def free_slots_from(
    diary: Diary, moment: datetime, type: str, location_id: str | None, limit: int = ALTERNATIVES
) -> list[Slot]:
    """The next free slots at or after a moment, looking further ahead only while there are too few."""
    first = max(moment, clock.now()).astimezone(diary.zone).date()
    found: list[Slot] = []
    for days in SEARCH_DAYS:
        wider = diary_of(diary.doctor_id, first, days, type)
        found = [slot for slot in bookable(wider, first, days, type, location_id) if slot.starts_at >= moment]
        if len(found) >= limit:
            break
    return found[:limit]


def slots_at(diary: Diary, starts_at: datetime, type: str, location_id: str | None) -> list[Slot]:
    """The slots of the timetable, taken or not, that begin at that moment: one per location."""
    return diary.timetable([starts_at.astimezone(diary.zone).date()], type, location_id, starts_at)


# ---- what is busy ----


def occupancy_of(diary: Diary, wanted: list[Slot], *, except_appointment_id: str | None = None) -> Occupancy:
    """Everything that is busy or held around the slots, for the doctor and for the slots' rooms. One query."""
    principal = find_principal()
    rooms = {slot.room_id for slot in wanted if slot.room_id}
    begins = min(slot.starts_at for slot in wanted) - diary.buffers.before
    ends = max(slot.ends_at for slot in wanted) + diary.buffers.after
    values = {
        "doctor": diary.doctor_id,
        "begins": begins,
        "ends": ends,
        "first": begins - LONGEST_VISIT,
        "last": ends + LONGEST_VISIT,
        "moving": except_appointment_id or NOBODY,
        "asker": principal.user_id if principal else NOBODY,
        "now": clock.now(),
    }
    busy = BUSY_WITH_ROOMS if rooms else BUSY
    rows = db.session.execute(busy, {**values, "rooms": list(rooms)} if rooms else values)
    return Occupancy((Occupation(*row) for row in rows), diary.buffers)


def _columns(table: Any, room: Any, own_hold: Any) -> tuple[Any, ...]:
    """As Occupation takes them; a range of seats with an end is one seat."""
    begins, ends = func.lower(table.busy), func.upper(table.busy)
    return begins, ends, table.starts_at, func.upper(table.seats) - 1, room, own_hold


def _around(table: Any) -> tuple[Any, ...]:
    """Times are compared, not ranges: `&&` loses its index behind row-level security (DESIGN 9).

    `first` and `last` are what an index finds, `begins` and `ends` what it is about.
    """
    return (
        table.starts_at >= bindparam("first"),
        table.starts_at < bindparam("last"),
        func.lower(table.busy) < bindparam("ends", type_=table.starts_at.type),
        func.upper(table.busy) > bindparam("begins", type_=table.starts_at.type),
    )


def _visits(room: Any, *criteria: Any) -> Select[Any]:
    return select(*_columns(Appointment, room, false())).where(
        *_around(Appointment), Appointment.status.in_(HOLDING), Appointment.overbooked.is_(False), *criteria
    )


def _holds() -> Select[Any]:
    """Live holds, also the asker's own."""
    own = SlotHold.held_by_id.is_not_distinct_from(bindparam("asker", type_=SlotHold.held_by_id.type))
    return select(*_columns(SlotHold, NO_ROOM, own)).where(
        *_around(SlotHold),
        SlotHold.doctor_id == bindparam("doctor"),
        SlotHold.expires_at > bindparam("now"),
    )


# Built once: composing them anew costs more than the database takes to answer.
_OF_DOCTOR = _visits(NO_ROOM, Appointment.doctor_id == bindparam("doctor"), Appointment.id != bindparam("moving"))
_IN_ROOMS = _visits(
    Appointment.room_id,
    Appointment.room_id.in_(bindparam("rooms", expanding=True)),
    Appointment.doctor_id != bindparam("doctor"),
)
BUSY = scoped(union_all(_OF_DOCTOR, _holds()))
BUSY_WITH_ROOMS = scoped(union_all(_OF_DOCTOR, _holds(), _IN_ROOMS))


# ---- what the doctor keeps open ----


def diary_of(doctor_id: str, first: date, days: int = 1, type: str | None = None) -> Diary:
    """The doctor's hours as far as they matter for the days, and the buffers of that type of visit. Raises NotFound."""
    asked = {
        "doctor": doctor_id,
        "type": type,
        "first": first,
        "last": first + timedelta(days=days - 1),
        "weekdays": sorted({day.weekday() for day in days_from(first, min(days, DAYS_OF_A_WEEK))}),
    }
    rows = db.session.execute(_DIARY, asked).all()
    if not rows:
        raise NotFound
    doctor, found = rows[0], [row for row in rows if row.kind]
    return Diary(
        doctor_id=doctor_id,
        active=doctor.active,
        types=tuple(doctor.doctor_types),
        default_room=(doctor.default_room_id, doctor.default_location_id) if doctor.default_room_id else None,
        zone=ZoneInfo(settings_in_scope().zone),
        buffers=NO_BUFFERS if type is None else _buffers(doctor),
        weekly=tuple(_hours(row) for row in found if row.kind == WEEKLY),
        added=tuple(_hours(row) for row in found if row.kind == ExceptionKind.ADD),
        closures=tuple(_closure(row) for row in found if row.kind == ExceptionKind.REMOVE),
    )


def _hours_columns(table: Any, kind: Any, weekday: Any, first_on: Any, last_on: Any) -> tuple[Any, ...]:
    hours = table.opens, table.closes, table.location_id, table.room_id, table.types, table.slot_minutes, table.capacity
    named = kind.label("kind"), weekday.label("weekday"), first_on.label("first_on"), last_on.label("last_on")
    return (*named, *hours)


_RULES = select(
    *_hours_columns(
        AvailabilityRule,
        literal(WEEKLY),
        AvailabilityRule.weekday,
        AvailabilityRule.valid_from,
        AvailabilityRule.valid_until,
    )
).where(
    AvailabilityRule.doctor_id == bindparam("doctor"),
    AvailabilityRule.weekday == any_(bindparam("weekdays", type_=ARRAY(Integer))),
)
_EXCEPTIONS = select(
    *_hours_columns(
        AvailabilityException,
        AvailabilityException.kind,
        cast(null(), Integer),
        AvailabilityException.starts_on,
        AvailabilityException.ends_on,
    )
).where(
    or_(AvailabilityException.doctor_id == bindparam("doctor"), AvailabilityException.doctor_id.is_(None)),
    AvailabilityException.starts_on <= bindparam("last"),
    AvailabilityException.ends_on >= bindparam("first"),
)
_KEPT_OPEN = union_all(_RULES, _EXCEPTIONS).subquery()
_BUFFERS = VISIT_BUFFERS.subquery()
# One row for each of the hours, and one for a doctor without any: who the doctor is stands in all of them.
_DIARY = scoped(
    select(
        Doctor.active,
        Doctor.types.label("doctor_types"),
        Room.id.label("default_room_id"),
        Room.location_id.label("default_location_id"),
        *_BUFFERS.c,
        *_KEPT_OPEN.c,
    )
    .outerjoin(Room, (Room.id == Doctor.default_room_id) & Room.active.is_(True))
    .outerjoin(_BUFFERS, true())
    .outerjoin(_KEPT_OPEN, true())
    .where(Doctor.id == bindparam("doctor"))
)


def _buffers(row: Any) -> Buffers:
    """What the visit's service asks for before and after."""
    before, after = row.buffer_before_minutes or 0, row.buffer_after_minutes or 0
    return Buffers(timedelta(minutes=before), timedelta(minutes=after)) if before or after else NO_BUFFERS


def _hours(row: Any) -> Hours:
    return Hours(
        row.opens,
        row.closes,
        row.location_id,
        row.room_id,
        tuple(row.types),
        row.slot_minutes,
        row.capacity,
        row.weekday,
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
