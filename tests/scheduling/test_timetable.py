"""Slots as plain arithmetic: on the days when clocks change, and with seats that are taken."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.scheduling.timetable import (
    Closure,
    Group,
    Hours,
    Occupancy,
    Occupation,
    Slot,
    slots_of,
    strips_of,
)

NEW_YORK = ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)


def new_york(day: date, opens: time, closes: time) -> list[str]:
    hours = Hours(opens, closes, "here", None, ("IN_PERSON",), 30, 1, day.weekday())
    slots = slots_of(strips_of([day], [hours], [], [], NEW_YORK))
    assert all(slot.ends_at - slot.starts_at == timedelta(minutes=30) for slot in slots)
    return [f"{slot.starts_at.astimezone(NEW_YORK):%H:%M %Z}" for slot in slots]


def test_a_day_of_23_hours_skips_the_hour_that_does_not_exist() -> None:
    assert new_york(SPRING, time(1), time(4)) == ["01:00 EST", "01:30 EST", "03:00 EDT", "03:30 EDT"]


def test_a_day_of_25_hours_has_the_repeated_hour_twice() -> None:
    assert new_york(AUTUMN, time(0, 30), time(2, 30)) == [
        "00:30 EDT", "01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00 EST",
    ]  # fmt: skip


def test_the_same_wall_clock_hours_before_and_after_the_change() -> None:
    days = [SPRING - timedelta(days=1), SPRING + timedelta(days=1)]
    assert {tuple(new_york(day, time(9), time(10))) for day in days} == {
        ("09:00 EST", "09:30 EST"),
        ("09:00 EDT", "09:30 EDT"),
    }


def test_hours_that_begin_inside_the_gap_begin_an_hour_later() -> None:
    assert new_york(SPRING, time(2, 30), time(4, 30)) == ["03:30 EDT", "04:00 EDT"]


def test_a_whole_closed_day_of_25_hours_is_closed_to_its_end() -> None:
    hours = Hours(time(20), time(23, 30), "here", None, ("IN_PERSON",), 30, 1, AUTUMN.weekday())
    assert slots_of(strips_of([AUTUMN], [hours], [], [Closure(AUTUMN, AUTUMN)], NEW_YORK)) == []


NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def slot(start: datetime = NINE, capacity: int = 1, room: str | None = None) -> Slot:
    return Slot(start, start + timedelta(minutes=30), "here", room, capacity)


def visit(start: datetime = NINE, seat: int | None = None, room: str | None = None, place: str = "here") -> Occupation:
    begins, ends = start.timestamp(), start.timestamp() + 30 * 60
    return Occupation([begins], [ends], room, None if seat is None else Group(begins, ends, place), seat)


@pytest.mark.parametrize(
    ("occupations", "wanted", "free"),
    [
        ([], slot(), 1),
        ([visit()], slot(), 0),
        ([visit(NINE - timedelta(minutes=30)), visit(NINE + timedelta(minutes=30))], slot(), 1),
        ([visit(NINE + timedelta(minutes=29))], slot(), 0),
        ([visit(seat=0), visit(seat=2)], slot(capacity=4), 2),
        ([visit(seat=0), visit(seat=1)], slot(capacity=2), 0),
        ([visit()], slot(capacity=5), 0),
        ([visit(NINE - timedelta(minutes=10), seat=0)], slot(capacity=5), 0),
        ([visit(seat=0, place="there")], slot(capacity=5), 0),
        ([visit(room="R2")], slot(room="R1"), 1),
        ([visit(room="R1")], slot(room="R1"), 0),
        ([visit(room="R1")], slot(room="R1", capacity=9), 0),
    ],
)
def test_how_many_seats_are_free(occupations: list[Occupation], wanted: Slot, free: int) -> None:
    assert Occupancy(occupations).free_seats(wanted) == free


def test_the_first_free_seat_fills_gaps() -> None:
    occupancy = Occupancy([visit(seat=0), visit(seat=2), visit(room="R9")])
    assert occupancy.first_free_seat(slot(capacity=4)) == 1
    assert occupancy.first_free_seat(slot(capacity=2)) is None
