"""Everything that is busy or held around a doctor, merged in the database into few rows.

Each row is one Occupation: the times of all that takes the doctor whole, of all that takes one of the rooms, of one
member of a group, of the holds of whoever asks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    Double,
    Integer,
    Select,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE

from app.core.tenant import scoped
from app.people.models import Doctor
from app.scheduling.models import HOLDING, Appointment, AvailabilityException, AvailabilityRule, DoctorLeave, SlotHold
from app.scheduling.timetable import Group, Occupation

NOBODY = "00000000-0000-0000-0000-000000000000"
LONGEST_VISIT = timedelta(days=1)  # buffers included: slot lengths, buffers and travel are bounded where they are kept
_NO_ROOM = cast(null(), Appointment.room_id.type)
_NO_SEAT = cast(null(), Integer)
_NO_TIME = cast(null(), Double)
# In the text, as all that is always the same: a parameter costs the driver more than its text costs PostgreSQL.
_EPOCH: Any = literal_column("'epoch'")
_ONE = literal_column("1", Integer)
_HOLDING: list[Any] = [literal_column(f"'{status.value}'") for status in sorted(HOLDING)]


def _row(times: Any, room: Any, own_hold: Any, seat: Any, starts: Any, ends: Any, place: Any) -> tuple[Any, ...]:
    """What says of a time which Occupation it belongs to."""
    named = {"times": times, "room_only": room, "own_hold": own_hold, "seat": seat}
    group = {"group_starts": starts, "group_ends": ends, "group_place": place}
    return tuple(value.label(name) for name, value in {**named, **group}.items())


def _seated(table: Any, room: Any, own_hold: Any) -> tuple[Any, ...]:
    """A range of seats with an end is one seat of a group."""
    seat = func.upper(table.seats) - _ONE
    of_group = [
        case((seat.is_not(None), value))
        for value in (_epoch(table.starts_at), _epoch(table.ends_at), table.location_id)
    ]
    return _row(table.busy, room, own_hold, seat, *of_group)


def _epoch(moment: Any) -> Any:
    return func.date_part(_EPOCH, moment, type_=Double)


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


def _visits(*criteria: Any) -> tuple[Any, ...]:
    """Overbooked ones too: their time is not offered once what they stand beside is gone."""
    return (*_around(Appointment), Appointment.status.in_(_HOLDING), *criteria)


def _of_doctor() -> Select[Any]:
    ours = Appointment.doctor_id == bindparam("doctor"), Appointment.id != bindparam("moving")
    return select(*_seated(Appointment, _NO_ROOM, false())).where(*_visits(*ours))


def _in_rooms() -> Select[Any]:
    """What other doctors do in the rooms that this one may use."""
    own_rooms = union_all(
        select(AvailabilityRule.room_id).where(AvailabilityRule.doctor_id == bindparam("doctor")),
        select(AvailabilityException.room_id).where(AvailabilityException.doctor_id == bindparam("doctor")),
        select(Doctor.default_room_id).where(Doctor.id == bindparam("doctor")),
    )
    nothing = false(), _NO_SEAT, _NO_TIME, _NO_TIME, cast(null(), Appointment.location_id.type)
    theirs = (
        Appointment.room_id.is_not(None),
        Appointment.room_id == any_(func.array(own_rooms.scalar_subquery(), type_=ARRAY(Appointment.room_id.type))),
        Appointment.doctor_id != bindparam("doctor"),
    )
    return select(*_row(Appointment.busy, Appointment.room_id, *nothing)).where(*_visits(*theirs))


def _holds() -> Select[Any]:
    """Live holds, also the asker's own."""
    own = SlotHold.held_by_id.is_not_distinct_from(bindparam("asker", type_=SlotHold.held_by_id.type))
    return select(*_seated(SlotHold, _NO_ROOM, own)).where(
        *_around(SlotHold),
        SlotHold.doctor_id == bindparam("doctor"),
        SlotHold.expires_at > bindparam("now"),
    )


def _leave() -> Select[Any]:
    time = func.tstzrange(DoctorLeave.starts_at, DoctorLeave.ends_at, type_=TSTZRANGE)
    nothing = false(), _NO_SEAT, _NO_TIME, _NO_TIME, cast(null(), Appointment.location_id.type)
    return select(*_row(time, _NO_ROOM, *nothing)).where(
        DoctorLeave.doctor_id == bindparam("doctor"),
        DoctorLeave.cancelled_at.is_(None),
        DoctorLeave.starts_at < bindparam("ends"),
        DoctorLeave.ends_at > bindparam("begins"),
    )


def _merged(*parts: Select[Any]) -> Select[Any]:
    """One row for each Occupation, times in order and apart, as arrays of seconds."""
    single = union_all(*parts).subquery()
    names = [column for column in single.c if column.key != "times"]
    found = select(*names, func.range_agg(single.c.times).label("times")).group_by(*names).subquery()
    rest = [column for column in found.c if column.key != "times"]
    return select(_bounds(found, func.lower).label("begins"), _bounds(found, func.upper).label("ends"), *rest)


def _bounds(found: Any, bound: Any) -> Any:
    time = func.unnest(found.c.times, type_=TSTZRANGE).column_valued("time")
    return func.array(select(_epoch(bound(time))).scalar_subquery(), type_=ARRAY(Double))


# Made once: composing them anew costs more than the database takes to answer. Parameters: doctor, first, last, begins,
# ends (moments), moving (a visit that is no obstacle to itself), asker, now.
BUSY_PARTS = _merged(_of_doctor(), _holds(), _leave())
BUSY_PARTS_WITH_ROOMS = _merged(_of_doctor(), _holds(), _leave(), _in_rooms())
BUSY = scoped(BUSY_PARTS)
BUSY_WITH_ROOMS = scoped(BUSY_PARTS_WITH_ROOMS)


def occupation_of(row: Any) -> Occupation:
    """The Occupation that a row of the statements is."""
    group = None if row.seat is None else Group(row.group_starts, row.group_ends, row.group_place)
    return Occupation(row.begins, row.ends, row.room_only, group, row.seat, row.own_hold)
