"""The engine and a slow reference agree slot by slot: the arithmetic alone, and all of it with its query."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import g
from hypothesis import HealthCheck, example, given, settings

from app.core import clock
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.scheduling.queries import slots
from app.scheduling.timetable import Buffers, Closure, Group, Hours, Occupancy, Occupation, Slot, slots_of, strips_of
from app.tenancy.models import Clinic
from tests.factories.access import make_member
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import make_location, make_room
from tests.scheduling.random_cases import KINDS, PLACES, ROOMS, cases
from tests.scheduling.random_rows import House, write
from tests.scheduling.slow_slots import Case, ClosedTime, Free, OpenTime, Taken, free_slots

NEW_YORK = ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2027, 3, 14), date(2027, 11, 7)
CLOSED_FOR_TWO_HOURS = ClosedTime(AUTUMN, AUTUMN, time(1), time(2))
TRAVEL = 30  # minutes, as long as the clinic sets nothing else


def hours(item: OpenTime, case: Case) -> Hours:
    room = item.room if case.kind == "IN_PERSON" else None
    when = (None, item.on, item.on) if item.on else (item.weekday, item.first, item.last)
    return Hours(item.opens, item.closes, item.place, room, item.kinds, item.length, item.seats, *when)


def occupation(item: Taken) -> Occupation:
    begins = (item.start - timedelta(minutes=item.before)).timestamp()
    ends = (item.end + timedelta(minutes=item.after)).timestamp()
    if item.by_another_doctor:
        return Occupation([begins], [ends], item.room or "nowhere")
    group = None if item.seat is None else Group(item.start.timestamp(), item.end.timestamp(), item.place)
    return Occupation([begins], [ends], None, group, item.seat)


def worked_out(case: Case, days: list[date]) -> list[Free]:
    wanted = [item for item in case.open_times if case.kind in item.kinds and case.place in (None, item.place)]
    weekly = [hours(item, case) for item in wanted if item.on is None]
    added = [hours(item, case) for item in wanted if item.on is not None]
    closures = [Closure(item.first, item.last, item.opens, item.closes, item.place) for item in case.closed_times]
    buffers = Buffers(timedelta(minutes=case.before), timedelta(minutes=case.after))
    occupancy = Occupancy([occupation(item) for item in case.taken], buffers)
    strips = strips_of(days, weekly, added, closures, case.zone)
    for strip in strips:
        strip.keep_starts_between(case.earliest.timestamp(), datetime(2999, 1, 1).timestamp())
        occupancy.lay_over(strip)
    return shown(slots_of(strips))


def shown(slots: list[Slot]) -> list[Free]:
    return sorted({Free(slot[0], slot[1], slot.location_id, slot.capacity, slot.free_seats) for slot in slots})


@settings(max_examples=200, deadline=None)
@given(cases())
@example((Case(NEW_YORK, [OpenTime(time(1), time(4), 30, on=SPRING)]), [SPRING]))
@example((Case(NEW_YORK, [OpenTime(time(0), time(4), 30, on=AUTUMN)]), [AUTUMN]))
@example(
    (
        Case(NEW_YORK, [OpenTime(time(0), time(4), 30, weekday=6)], [ClosedTime(AUTUMN, AUTUMN, time(1), time(2))]),
        [AUTUMN],
    )
)
def test_the_arithmetic_equals_the_slow_reference(drawn: tuple[Case, list[date]]) -> None:
    case, days = drawn
    assert worked_out(case, days) == free_slots(case, days)


@pytest.fixture
def house(in_clinic: Any) -> House:
    """Doctors, places and rooms that the cases are about; what a case adds is rolled back after it."""
    places = {name: make_location() for name in PLACES}
    rooms = {room: make_room(places[name]).id for name, known in ROOMS.items() for room in known if room}
    doctor, other = (make_doctor(types=list(KINDS)).id for _ in range(2))
    asker = make_member(in_clinic.id, "RECEPTIONIST").id
    return House(doctor, other, make_patient().id, {name: item.id for name, item in places.items()}, rooms, asker)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
def test_the_engine_equals_the_slow_reference(
    house: House, clinic: Any, acting: Any, drawn: tuple[Case, list[date]]
) -> None:
    case, days = drawn
    with all_tenants(), unit_of_work():
        db.session.get_one(Clinic, clinic.id).settings_json = {"zone": case.zone.key}
    g.pop("clinic_settings", None)  # kept for one request, and this is the next
    before_all = datetime.combine(days[0], time(0), UTC) - timedelta(days=2)
    with clock.travel(to=max(case.earliest, before_all)), acting("RECEPTIONIST", house.asker):
        try:
            write(case, house)
            place = house.places[case.place] if case.place else None
            found = slots(house.doctor, days[0], len(days), case.kind, place)
        finally:
            db.session.rollback()
    on_the_way = TRAVEL if case.kind == "HOME_VISIT" else 0
    wanted = replace(case, before=case.before + on_the_way, after=case.after + on_the_way)
    named = {place_id: name for name, place_id in house.places.items()}
    assert shown([slot._replace(location_id=named[slot.location_id]) for slot in found]) == free_slots(wanted, days)
