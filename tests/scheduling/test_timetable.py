"""Slots as plain arithmetic: against a slow reference, and on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from app.scheduling.timetable import Buffers, Closure, Hours, Occupancy, Occupation, Slot, days_from, timetable
from tests.scheduling.slow_slots import Case, ClosedTime, OpenTime, free_starts

NEW_YORK = ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
FIRST_DAYS = [date(2026, 3, 7), SPRING, date(2026, 6, 1), date(2026, 10, 31), AUTUMN, date(2026, 10, 24)]
ZONES = ["Asia/Kolkata", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]

quarter = some.integers(0, 23 * 4).map(lambda n: time(n // 4, n % 4 * 15))


@some.composite
def hours_of_day(draw: some.DrawFn) -> tuple[time, time]:
    first, second = sorted(draw(some.lists(quarter, min_size=2, max_size=2, unique=True)))
    return first, second


@some.composite
def cases(draw: some.DrawFn) -> tuple[Case, list[date]]:
    days = days_from(draw(some.sampled_from(FIRST_DAYS)), draw(some.integers(1, 2)))
    case = Case(ZoneInfo(draw(some.sampled_from(ZONES))))
    for opens, closes in draw(some.lists(hours_of_day(), min_size=1, max_size=3)):
        weekly = draw(some.booleans())
        place = {"weekday": days[0].weekday()} if weekly else {"on": days[-1]}
        case.open_times.append(OpenTime(opens, closes, draw(some.sampled_from([10, 15, 40, 90])), **place))
    for hours in draw(some.lists(some.none() | hours_of_day(), max_size=2)):
        case.closed_times.append(ClosedTime(draw(some.sampled_from(days)), *(hours or (None, None))))
    for start in draw(some.lists(some.integers(-120, 30 * 60), max_size=4)):
        begins = datetime.combine(days[0], time(0), UTC) + timedelta(minutes=start)
        case.busy.append((begins, begins + timedelta(minutes=draw(some.integers(1, 100)))))
    case.before, case.after = draw(some.sampled_from([(0, 0), (5, 0), (0, 20), (10, 15)]))
    return case, days


def our_answer(case: Case, days: list[date]) -> list[datetime]:
    def hours(item: OpenTime) -> Hours:
        types, length = ("IN_PERSON",), item.length
        return Hours(item.opens, item.closes, "here", None, types, length, 1, item.weekday, item.on, item.on)

    weekly = [hours(item) for item in case.open_times if item.weekday is not None]
    added = [hours(item) for item in case.open_times if item.on is not None]
    closures = [Closure(item.on, item.on, item.opens, item.closes) for item in case.closed_times]
    occupations = [Occupation(begins, ends, begins) for begins, ends in case.busy]
    buffers = Buffers(timedelta(minutes=case.before), timedelta(minutes=case.after))
    occupancy = Occupancy(occupations, buffers)
    slots = timetable(days, weekly, added, closures, case.zone)
    return sorted({slot.starts_at for slot in slots if occupancy.free_seats(slot)})


@settings(max_examples=150, deadline=None)
@given(cases())
@example((Case(NEW_YORK, [OpenTime(time(1), time(4), 30, on=SPRING)]), [SPRING]))
@example((Case(NEW_YORK, [OpenTime(time(0), time(4), 30, on=AUTUMN)]), [AUTUMN]))
def test_slots_equal_those_of_the_slow_reference(drawn: tuple[Case, list[date]]) -> None:
    case, days = drawn
    assert our_answer(case, days) == free_starts(case, days)


def new_york(day: date, opens: time, closes: time) -> list[str]:
    hours = Hours(opens, closes, "here", None, ("IN_PERSON",), 30, 1, day.weekday())
    slots = timetable([day], [hours], [], [], NEW_YORK)
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
    assert timetable([AUTUMN], [hours], [], [Closure(AUTUMN, AUTUMN)], NEW_YORK) == []


NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def slot(start: datetime = NINE, capacity: int = 1, room: str | None = None) -> Slot:
    return Slot(start, start + timedelta(minutes=30), "here", room, capacity)


def visit(start: datetime = NINE, seat: int | None = None, room: str | None = None) -> Occupation:
    return Occupation(start, start + timedelta(minutes=30), start, seat, room)


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
        ([visit(room="R2")], slot(room="R1"), 1),
        ([visit(room="R1")], slot(room="R1"), 0),
        ([visit(room="R1")], slot(room="R1", capacity=9), 0),
    ],
)
def test_how_many_seats_are_free(occupations: list[Occupation], wanted: Slot, free: int) -> None:
    assert Occupancy(occupations).free_seats(wanted) == free


def test_the_first_free_seat_fills_gaps() -> None:
    occupancy = Occupancy([visit(seat=0), visit(seat=2), visit(seat=1, room="R9")])
    assert occupancy.first_free_seat(slot(capacity=4)) == 1
    assert occupancy.first_free_seat(slot(capacity=2)) is None
