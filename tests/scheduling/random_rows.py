"""A random case as rows: hours as rules and exceptions, what is taken as visits, holds or leave by turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy.dialects.postgresql import Range

from app.catalog.models import Service, ServicePrice
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.scheduling.models import (
    ALL_SEATS,
    Appointment,
    AvailabilityException,
    AvailabilityRule,
    DoctorLeave,
    SlotHold,
)
from tests.scheduling.slow_slots import MINUTE, Case, ClosedTime, OpenTime, Taken

_numbers = count(1)


@dataclass(frozen=True)
class House:
    """Ids of what was there before the case."""

    doctor: str
    other_doctor: str
    patient: str
    places: dict[str, str]
    rooms: dict[str, str]
    asker: str


def write(case: Case, house: House) -> None:
    """Put the case into the session, with things beside it that must not matter."""
    service = Service(id=new_id(), code=f"R{next(_numbers)}", name="Visit", visit=True)
    service.buffer_before_minutes, service.buffer_after_minutes = case.before, case.after
    db.session.add(service)
    db.session.flush()
    price = {"doctor_id": house.doctor, "appointment_type": case.kind, "price_minor": 100, "currency": "INR"}
    db.session.add(ServicePrice(service_id=service.id, **price))
    db.session.add_all([_hours(item, house) for item in case.open_times])
    db.session.add_all([_closure(item, n, house) for n, item in enumerate(case.closed_times)])
    kept: list[Any] = []
    for number, item in enumerate(case.taken):
        kept.append(_taken(item, number, kept, house))
        db.session.add(kept[-1])
        db.session.flush()
    db.session.add_all(_what_must_not_matter(case, house))
    if not any(isinstance(item, SlotHold) for item in kept):  # the table keeps holds apart
        db.session.add_all(_holds_that_must_not_matter(case, house))
    db.session.flush()


def _hours(item: OpenTime, house: House) -> Any:
    same = {
        "doctor_id": house.doctor,
        "location_id": house.places[item.place],
        "room_id": house.rooms[item.room] if item.room else None,
        "opens": item.opens,
        "closes": item.closes,
        "slot_minutes": item.length,
        "capacity": item.seats,
        "types": list(item.kinds),
    }
    if item.on:
        return AvailabilityException(kind="ADD", starts_on=item.on, ends_on=item.on, **same)
    valid = (None if item.first == date.min else item.first), (None if item.last == date.max else item.last)
    return AvailabilityRule(weekday=item.weekday, valid_from=valid[0], valid_until=valid[1], **same)


def _closure(item: ClosedTime, number: int, house: House) -> AvailabilityException:
    """By turns the doctor's own and a holiday of all."""
    whose = house.doctor if number % 2 else None
    place = house.places[item.place] if item.place else None
    days = {"starts_on": item.first, "ends_on": item.last, "opens": item.opens, "closes": item.closes}
    return AvailabilityException(kind="REMOVE", doctor_id=whose, location_id=place, **days)


def _taken(item: Taken, number: int, kept: list[Any], house: House) -> Any:
    busy = Range(item.start - item.before * MINUTE, item.end + item.after * MINUTE)
    seats = ALL_SEATS if item.seat is None or item.by_another_doctor else Range(item.seat, item.seat + 1)
    if number % 3 == 1 and item.seat is None and not item.by_another_doctor:
        return DoctorLeave(doctor_id=house.doctor, starts_at=busy.lower, ends_at=busy.upper)
    same = {
        "doctor_id": house.other_doctor if item.by_another_doctor else house.doctor,
        "location_id": house.places[item.place],
        "patient_id": house.patient,
        "type": "IN_PERSON",
        "starts_at": item.start,
        "ends_at": item.end,
        "busy": busy,
        "seats": seats,
    }
    if number % 3 == 2 and not item.by_another_doctor and not _meets(SlotHold, same, None, kept):
        return SlotHold(held_by_id=house.patient, expires_at=clock.now() + timedelta(minutes=5), **same)
    room_id = house.rooms[item.room] if item.room else None
    overbooked = _meets(Appointment, same, room_id, kept)
    return Appointment(
        status=("SCHEDULED", "IN_PROGRESS")[number % 2],
        room_id=room_id,
        overbooked=overbooked,
        overbook_reason="Both fit in" if overbooked else "",
        **same,
    )


def _meets(kind: type, values: dict[str, Any], room_id: str | None, kept: list[Any]) -> bool:
    """Whether the tables would not let it in beside what is there."""
    return any(
        isinstance(other, kind)
        and (other.doctor_id == values["doctor_id"] or (room_id and getattr(other, "room_id", None) == room_id))
        and not getattr(other, "overbooked", False)
        and other.busy.overlaps(values["busy"])
        and other.seats.overlaps(values["seats"])
        for other in kept
    )


def _what_must_not_matter(case: Case, house: House) -> list[Any]:
    """A cancelled visit and a cancelled leave, in the middle of everything."""
    begins = _first_moment(case)
    leave = {"doctor_id": house.doctor, "starts_at": begins, "ends_at": begins + timedelta(days=7)}
    return [Appointment(status="CANCELLED", **_all_days(case, house)), DoctorLeave(cancelled_at=clock.now(), **leave)]


def _holds_that_must_not_matter(case: Case, house: House) -> list[SlotHold]:
    """The asker's own, and one that is void."""
    same = _all_days(case, house)
    return [
        SlotHold(held_by_id=house.asker, expires_at=clock.now() + timedelta(minutes=5), seats=Range(900, 901), **same),
        SlotHold(held_by_id=house.patient, expires_at=clock.now(), seats=Range(901, 902), **same),
    ]


def _all_days(case: Case, house: House) -> dict[str, Any]:
    begins = _first_moment(case)
    same = {"doctor_id": house.doctor, "location_id": house.places["here"], "patient_id": house.patient}
    times = {"starts_at": begins, "ends_at": begins + timedelta(days=1), "busy": Range(begins, begins + timedelta(4))}
    return {"type": "IN_PERSON", **same, **times}


def _first_moment(case: Case) -> datetime:
    return datetime.combine(clock.now().date(), datetime.min.time(), case.zone)
