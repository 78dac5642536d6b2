"""Random days of doctors for the slow reference: hours, closed days, what is taken, and clocks that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as some

from app.scheduling.timetable import days_from
from tests.scheduling.slow_slots import MINUTE, Case, ClosedTime, OpenTime, Taken, first_moment_of

# Before, on and after the days on which clocks change in some of the zones, and a day on which they do nowhere.
FIRST_DAYS = [date(2027, 3, 13), date(2027, 3, 14), date(2027, 6, 1), date(2027, 10, 30), date(2027, 10, 31)]
FIRST_DAYS += [date(2027, 11, 6), date(2027, 11, 7), date(2027, 4, 3), date(2027, 10, 2)]
ZONES = ["Asia/Kolkata", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]
PLACES, ROOMS = ("here", "there"), {"here": (None, "R1", "R2"), "there": (None, "R3")}
KINDS = ("IN_PERSON", "VIDEO_CALL", "HOME_VISIT")
BUFFERS = [(0, 0), (5, 0), (0, 20), (10, 15)]

quarter = some.integers(0, 23 * 4).map(lambda n: time(n // 4, n % 4 * 15))


@some.composite
def hours_of_day(draw: some.DrawFn) -> tuple[time, time]:
    first, second = sorted(draw(some.lists(quarter, min_size=2, max_size=2, unique=True)))
    return first, second


@some.composite
def open_times(draw: some.DrawFn, days: list[date]) -> OpenTime:
    opens, closes = draw(hours_of_day())
    place = draw(some.sampled_from(PLACES))
    found = OpenTime(opens, closes, draw(some.sampled_from([10, 15, 40, 90])), place=place)
    found.room = draw(some.sampled_from(ROOMS[place]))
    found.seats = draw(some.sampled_from([1, 1, 1, 2, 3]))
    found.kinds = draw(some.sampled_from([KINDS, KINDS[:1], KINDS[1:]]))
    if draw(some.booleans()):
        found.weekday = draw(some.sampled_from(days)).weekday()
        found.first = draw(some.sampled_from([date.min, *days]))
        found.last = max(found.first, draw(some.sampled_from([date.max, *days])))
    else:
        found.on = draw(some.sampled_from(days))
    return found


@some.composite
def closed_times(draw: some.DrawFn, days: list[date]) -> ClosedTime:
    first, last = sorted([draw(some.sampled_from(days)), draw(some.sampled_from(days))])
    hours = draw(some.none() | hours_of_day()) or (None, None)
    return ClosedTime(first, last, *hours, place=draw(some.sampled_from([None, *PLACES])))


@some.composite
def taken_times(draw: some.DrawFn, case: Case, days: list[date]) -> Taken:
    """A visit somewhere in the days; or a seat of one of the groups."""
    groups = [item for item in case.open_times if item.seats > 1]
    if groups and draw(some.booleans()):
        return draw(seats_of(draw(some.sampled_from(groups)), case, days))
    start = datetime.combine(days[0], time(0), UTC) + draw(some.integers(-120, 30 * 60)) * MINUTE
    taken = Taken(start, start + draw(some.integers(1, 100)) * MINUTE, *draw(some.sampled_from(BUFFERS)))
    taken.place = draw(some.sampled_from(PLACES))
    taken.room = draw(some.sampled_from(ROOMS[taken.place]))
    taken.by_another_doctor = draw(some.booleans())
    return taken


@some.composite
def seats_of(draw: some.DrawFn, group: OpenTime, case: Case, days: list[date]) -> Taken:
    day = group.on or draw(some.sampled_from(days))
    start = first_moment_of(day, group.opens, case.zone) + draw(some.integers(0, 3)) * group.length * MINUTE
    place = draw(some.sampled_from([group.place, group.place, *PLACES]))
    taken = Taken(start, start + group.length * MINUTE, *draw(some.sampled_from(BUFFERS)), place=place)
    taken.seat = draw(some.integers(0, group.seats))
    return taken


@some.composite
def cases(draw: some.DrawFn) -> tuple[Case, list[date]]:
    days = days_from(draw(some.sampled_from(FIRST_DAYS)), draw(some.integers(1, 3)))
    case = Case(ZoneInfo(draw(some.sampled_from(ZONES))))
    case.open_times = draw(some.lists(open_times(days), min_size=1, max_size=4))
    case.closed_times = draw(some.lists(closed_times(days), max_size=2))
    case.taken = draw(some.lists(taken_times(case, days), max_size=6))
    case.kind = draw(some.sampled_from(KINDS))
    case.place = draw(some.sampled_from([None, None, *PLACES]))
    case.before, case.after = draw(some.sampled_from(BUFFERS))
    if draw(some.booleans()):
        case.earliest = datetime.combine(days[0], time(0), UTC) + timedelta(minutes=draw(some.integers(0, 24 * 60)))
    return case, days
