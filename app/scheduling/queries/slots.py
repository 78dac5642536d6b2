"""A doctor's bookable slots: one query for their hours and everything busy or held, and arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    Boolean,
    Date,
    Double,
    Integer,
    String,
    Time,
    Uuid,
    any_,
    bindparam,
    cast,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from app.catalog.queries import VISIT_BUFFERS
from app.catalog.services import MOST_BUFFER_MINUTES
from app.core import clock
from app.core.errors import NotFound
from app.core.principal import find_principal
from app.core.tenant import read_kept, scoped
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models import AvailabilityException, AvailabilityRule, ExceptionKind
from app.scheduling.queries.busy import (
    BUSY,
    BUSY_PARTS,
    BUSY_PARTS_WITH_ROOMS,
    BUSY_WITH_ROOMS,
    LONGEST_VISIT,
    NOBODY,
    occupation_of,
)
from app.scheduling.timetable import (
    Buffers,
    Closure,
    Hours,
    Occupancy,
    Slot,
    Strip,
    day_bounds,
    days_from,
    slots_of,
    strips_of,
)
from app.tenancy.models import Room
from app.tenancy.queries import settings_in_scope
from app.tenancy.settings import MAX_TRAVEL_MINUTES

ALTERNATIVES = 3
SEARCH_DAYS = (7, 28, 120)
DAYS_OF_A_WEEK = 7
WEEKLY, TAKEN = "WEEKLY", "TAKEN"
LONGEST_BUFFER = timedelta(minutes=MOST_BUFFER_MINUTES + MAX_TRAVEL_MINUTES)


@dataclass(frozen=True, slots=True)
class Diary:
    """What decides a doctor's slots: who they are, the hours they keep, and what is taken."""

    doctor_id: str
    active: bool
    types: tuple[str, ...]
    default_room: tuple[str, str] | None  # room, its location
    zone: ZoneInfo
    buffers: Buffers
    weekly: tuple[Hours, ...]
    added: tuple[Hours, ...]
    closures: tuple[Closure, ...]
    occupancy: Occupancy  # as it was when the diary was opened

    def timetable(self, days: Iterable[date], type: str | None, location_id: str | None) -> list[Slot]:
        """Every slot of the days, taken or not, for a type of visit."""
        return slots_of(self.strips(days, type, location_id))

    def strips(self, days: Iterable[date], type: str | None, location_id: str | None) -> list[Strip]:
        """The doctor's hours on the days for a type of visit, taken or not."""
        if not self.active or (type and type not in self.types):
            return []
        weekly, added = (
            [self._with_room(item, type) for item in hours if _serves(item, type, location_id)]
            for hours in (self.weekly, self.added)
        )
        return strips_of(days, weekly, added, self.closures, self.zone)

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
    earliest, latest = clock.now().timestamp(), last_bookable().timestamp()
    strips = diary.strips(days_from(first, days), type, location_id)
    for strip in strips:
        strip.keep_starts_between(earliest, latest)
        diary.occupancy.lay_over(strip)
    return slots_of(strips)


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
    strips = diary.strips([starts_at.astimezone(diary.zone).date()], type, location_id)
    for strip in strips:
        strip.keep_start(starts_at.timestamp())
    return slots_of(strips)


# ---- what is busy ----


def occupancy_of(diary: Diary, wanted: list[Slot], *, except_appointment_id: str | None = None) -> Occupancy:
    """What is busy or held around the slots at this moment, for the doctor and for the slots' rooms. One query."""
    begins = min(slot.starts_at for slot in wanted) - diary.buffers.before
    ends = max(slot.ends_at for slot in wanted) + diary.buffers.after
    busy = BUSY_WITH_ROOMS if any(slot.room_id for slot in wanted) else BUSY
    rows = read_kept(busy, _asked(diary.doctor_id, begins, ends, except_appointment_id))
    return Occupancy((occupation_of(row) for row in rows), diary.buffers)


def _asked(doctor_id: str, begins: datetime, ends: datetime, moving: str | None = None) -> dict[str, Any]:
    principal = find_principal()
    return {
        "doctor": doctor_id,
        "begins": begins,
        "ends": ends,
        "first": begins - LONGEST_VISIT,
        "last": ends + LONGEST_VISIT,
        "moving": moving or NOBODY,
        "asker": principal.user_id if principal else NOBODY,
        "now": clock.now(),
    }


# ---- what the doctor keeps open ----


class Person(NamedTuple):
    """What a booking has to know of the patient."""

    active: bool
    deceased_on: date | None


def diary_of(doctor_id: str, first: date, days: int = 1, type: str | None = None) -> Diary:
    """The doctor's hours for a type of visit as far as they matter for the days, and what is busy. Raises NotFound.

    One query, whatever the number of days.
    """
    statement = _DIARY_WITH_ROOMS if type == AppointmentType.IN_PERSON else _DIARY
    return _diary(doctor_id, type, read_kept(statement, _asked_of_days(doctor_id, first, days, type)).all())


def diary_with_patient(doctor_id: str, day: date, type: str, patient_id: str) -> tuple[Diary, Person | None]:
    """The doctor's diary of the day, and the patient if there is one of that id, in one query. Raises NotFound."""
    statement = _BOOKING_WITH_ROOMS if type == AppointmentType.IN_PERSON else _BOOKING
    asked = _asked_of_days(doctor_id, day, 1, type)
    rows = read_kept(statement, {**asked, "patient": patient_id}).all()
    diary = _diary(doctor_id, type, rows)
    known = rows[0].patient_active is not None
    return diary, Person(rows[0].patient_active, rows[0].patient_deceased_on) if known else None


def _asked_of_days(doctor_id: str, first: date, days: int, type: str | None) -> dict[str, Any]:
    last = first + timedelta(days=days - 1)
    begins, ends = local_bounds(first, last)
    return {
        **_asked(doctor_id, begins - LONGEST_BUFFER, ends + LONGEST_BUFFER),
        "type": type,
        "first_on": first,
        "last_on": last,
        "weekdays": sorted({day.weekday() for day in days_from(first, min(days, DAYS_OF_A_WEEK))}),
    }


def _diary(doctor_id: str, type: str | None, rows: Sequence[Any]) -> Diary:
    if not rows:
        raise NotFound
    doctor, kinds = rows[0], defaultdict[str | None, list[Any]](list)
    for row in rows:
        kinds[row.kind].append(row)
    buffers = _buffers(doctor, type)
    return Diary(
        doctor_id=doctor_id,
        active=doctor.active,
        types=tuple(doctor.doctor_types),
        default_room=(doctor.default_room_id, doctor.default_location_id) if doctor.default_room_id else None,
        zone=ZoneInfo(settings_in_scope().zone),
        buffers=buffers,
        weekly=tuple(_hours(row) for row in kinds[WEEKLY]),
        added=tuple(_hours(row) for row in kinds[ExceptionKind.ADD]),
        closures=tuple(_closure(row) for row in kinds[ExceptionKind.REMOVE]),
        occupancy=Occupancy((occupation_of(row) for row in kinds[TAKEN]), buffers),
    )


_ID, _TIMES = Uuid(as_uuid=False), ARRAY(Double)
_WEEKLY, _TAKEN = (literal_column(f"'{kind}'", String) for kind in (WEEKLY, TAKEN))
# What only hours have, and what only times have that are taken; each is empty in the other's rows.
_HOURS_ONLY = {
    "weekday": Integer(),
    "first_on": Date(),
    "last_on": Date(),
    "opens": Time(),
    "closes": Time(),
    "location_id": _ID,
    "room_id": _ID,
    "types": AvailabilityRule.types.type,
    "slot_minutes": Integer(),
    "capacity": Integer(),
}
_TAKEN_ONLY = {
    "begins": _TIMES,
    "ends": _TIMES,
    "room_only": _ID,
    "own_hold": Boolean(),
    "seat": Integer(),
    "group_starts": Double(),
    "group_ends": Double(),
    "group_place": _ID,
}


def _line(kind: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    """The columns that all lines of a diary have."""
    columns = [values.get(name, cast(null(), type)).label(name) for name, type in (_HOURS_ONLY | _TAKEN_ONLY).items()]
    return kind.label("kind"), *columns


def _hours_line(table: Any, kind: Any, **when: Any) -> tuple[Any, ...]:
    names = "opens", "closes", "location_id", "room_id", "types", "slot_minutes", "capacity"
    return _line(kind, {name: getattr(table, name) for name in names} | when)


_RULES = select(
    *_hours_line(
        AvailabilityRule,
        _WEEKLY,
        weekday=AvailabilityRule.weekday,
        first_on=AvailabilityRule.valid_from,
        last_on=AvailabilityRule.valid_until,
    )
).where(
    AvailabilityRule.doctor_id == bindparam("doctor"),
    AvailabilityRule.weekday == any_(bindparam("weekdays", type_=ARRAY(Integer))),
)
_EXCEPTIONS = select(
    *_hours_line(
        AvailabilityException,
        AvailabilityException.kind,
        first_on=AvailabilityException.starts_on,
        last_on=AvailabilityException.ends_on,
    )
).where(
    or_(AvailabilityException.doctor_id == bindparam("doctor"), AvailabilityException.doctor_id.is_(None)),
    AvailabilityException.starts_on <= bindparam("last_on"),
    AvailabilityException.ends_on >= bindparam("first_on"),
)


def _opened(busy: Any, patient: bool = False) -> Any:
    """A row for each of the hours and each Occupation, one for a doctor with neither; all say who the doctor is."""
    taken = busy.subquery()
    lines = union_all(_RULES, _EXCEPTIONS, select(*_line(_TAKEN, dict(taken.c)))).subquery()
    buffers = VISIT_BUFFERS.subquery()
    asked = [Doctor.active, Doctor.types.label("doctor_types"), *_DEFAULT_ROOM, *buffers.c, *lines.c]
    statement = (
        select(*asked, *(_PATIENT if patient else ()))
        .select_from(Doctor)
        .outerjoin(Room, (Room.id == Doctor.default_room_id) & Room.active.is_(True))
        .outerjoin(buffers, true())
        .outerjoin(lines, true())
        .where(Doctor.id == bindparam("doctor"))
    )
    return scoped(statement.outerjoin(Patient, Patient.id == bindparam("patient")) if patient else statement)


_DEFAULT_ROOM = Room.id.label("default_room_id"), Room.location_id.label("default_location_id")
_PATIENT = Patient.active.label("patient_active"), Patient.deceased_on.label("patient_deceased_on")
_DIARY, _DIARY_WITH_ROOMS = _opened(BUSY_PARTS), _opened(BUSY_PARTS_WITH_ROOMS)
_BOOKING, _BOOKING_WITH_ROOMS = _opened(BUSY_PARTS, patient=True), _opened(BUSY_PARTS_WITH_ROOMS, patient=True)


def _buffers(row: Any, type: str | None) -> Buffers:
    """What the visit's service asks for before and after; the way there and back comes on top."""
    travel = settings_in_scope().travel_minutes if type == AppointmentType.HOME_VISIT else 0
    before, after = (row.buffer_before_minutes or 0, row.buffer_after_minutes or 0) if type else (0, 0)
    return Buffers(timedelta(minutes=before + travel), timedelta(minutes=after + travel))


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
