"""Free slots worked out minute by minute: slow, and written without looking at how the product does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@dataclass
class OpenTime:
    """Hours on the clinic's wall clock, on one weekday or on one date; at a place, perhaps in a room."""

    opens: time
    closes: time
    length: int
    weekday: int | None = None
    on: date | None = None
    place: str = "here"
    room: str | None = None
    seats: int = 1
    kinds: tuple[str, ...] = ("IN_PERSON", "VIDEO_CALL", "HOME_VISIT")
    first: date = date.min
    last: date = date.max

    def is_kept_on(self, day: date) -> bool:
        return self.on == day or (self.weekday == day.weekday() and self.first <= day <= self.last)


@dataclass
class ClosedTime:
    """Days without the hours of the week: whole ones, or between two times; at one place, or at all."""

    first: date
    last: date
    opens: time | None = None
    closes: time | None = None
    place: str | None = None


@dataclass
class Taken:
    """What somebody has already: from `start` to `end`, kept free from `before` and to `after` minutes around that."""

    start: datetime
    end: datetime
    before: int = 0
    after: int = 0
    place: str = "here"
    seat: int | None = None
    room: str | None = None
    by_another_doctor: bool = False

    def minutes(self) -> set[datetime]:
        return minutes_between(self.start - self.before * MINUTE, self.end + self.after * MINUTE)


@dataclass
class Case:
    zone: ZoneInfo
    open_times: list[OpenTime] = field(default_factory=list)
    closed_times: list[ClosedTime] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    kind: str = "IN_PERSON"
    place: str | None = None
    before: int = 0
    after: int = 0
    earliest: datetime = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Free:
    start: datetime
    end: datetime
    place: str
    seats: int
    left: int


@cache
def first_moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first UTC minute when the wall clock shows that time; a time that is skipped is read with the old offset."""
    moment = datetime.combine(day, time(0), UTC) - timedelta(hours=15)
    while moment < datetime.combine(day, time(0), UTC) + timedelta(hours=39):
        if moment.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at):
            return moment
        moment += MINUTE
    before_the_gap = datetime.combine(day, at) - timedelta(hours=3)
    offset = before_the_gap.replace(tzinfo=zone).utcoffset()
    assert offset is not None
    return (datetime.combine(day, at) - offset).replace(tzinfo=UTC)


def minutes_between(start: datetime, end: datetime) -> set[datetime]:
    found = set()
    while start < end:
        found.add(start)
        start += MINUTE
    return found


def free_slots(case: Case, days: list[date]) -> list[Free]:
    """When a visit may begin, where, and for how many people, in order."""
    closed = {place: closed_minutes(case, days, place) for place in {item.place for item in case.open_times}}
    found: set[Free] = set()
    for open_time in case.open_times:
        if case.kind in open_time.kinds and case.place in (None, open_time.place):
            for day in days:
                if open_time.is_kept_on(day):
                    found.update(_free_in(case, open_time, day, closed[open_time.place]))
    return sorted(found)


def _free_in(case: Case, open_time: OpenTime, day: date, closed: set[datetime]) -> list[Free]:
    start = first_moment_of(day, open_time.opens, case.zone)
    closing = first_moment_of(day, open_time.closes, case.zone)
    found = []
    while start + open_time.length * MINUTE <= closing:
        end = start + open_time.length * MINUTE
        open_all_the_time = open_time.on is not None or closed.isdisjoint(minutes_between(start, end))
        left = _seats_left(case, open_time, start, end) if open_all_the_time and start > case.earliest else 0
        if left > 0:
            found.append(Free(start, end, open_time.place, open_time.seats, left))
        start = end
    return found


def _seats_left(case: Case, open_time: OpenTime, start: datetime, end: datetime) -> int:
    needed = minutes_between(start - case.before * MINUTE, end + case.after * MINUTE)
    room = open_time.room if case.kind == "IN_PERSON" else None
    seats_taken = set()
    for taken in case.taken:
        if taken.by_another_doctor and (room is None or taken.room != room):
            continue
        if needed.isdisjoint(taken.minutes()):
            continue
        same_group = (taken.start, taken.end, taken.place) == (start, end, open_time.place)
        if taken.by_another_doctor or taken.seat is None or open_time.seats == 1 or not same_group:
            return 0
        seats_taken.add(taken.seat)
    return open_time.seats - len(seats_taken)


def closed_minutes(case: Case, days: list[date], place: str) -> set[datetime]:
    """Every minute in which the place is closed, on the days and the one after."""
    found: set[datetime] = set()
    for closed in case.closed_times:
        for day in days:
            if closed.place not in (None, place) or not closed.first <= day <= closed.last:
                continue
            if closed.opens is None or closed.closes is None:
                start, end = (first_moment_of(day + n * timedelta(days=1), time(0), case.zone) for n in (0, 1))
            else:
                start, end = (first_moment_of(day, at, case.zone) for at in (closed.opens, closed.closes))
            found |= minutes_between(start, end)
    return found
