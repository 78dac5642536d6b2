"""Free slots worked out minute by minute: slow, and written without looking at how the product does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@dataclass
class OpenTime:
    """Hours on the clinic's wall clock, on one weekday or on one date."""

    opens: time
    closes: time
    length: int
    weekday: int | None = None
    on: date | None = None


@dataclass
class ClosedTime:
    on: date
    opens: time | None = None
    closes: time | None = None


@dataclass
class Case:
    zone: ZoneInfo
    open_times: list[OpenTime] = field(default_factory=list)
    closed_times: list[ClosedTime] = field(default_factory=list)
    busy: list[tuple[datetime, datetime]] = field(default_factory=list)
    before: int = 0
    after: int = 0


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


def free_starts(case: Case, days: list[date]) -> list[datetime]:
    """When a visit may begin, in order."""
    found: set[datetime] = set()
    for day in days:
        for open_time in case.open_times:
            if open_time.on == day or open_time.weekday == day.weekday():
                found.update(_starts_in(case, open_time, day))
    return sorted(found)


def _starts_in(case: Case, open_time: OpenTime, day: date) -> list[datetime]:
    start = first_moment_of(day, open_time.opens, case.zone)
    end = first_moment_of(day, open_time.closes, case.zone)
    starts = []
    while start + open_time.length * MINUTE <= end:
        minutes = [start + n * MINUTE for n in range(open_time.length)]
        closed = open_time.on is None and any(_is_closed(case, minute) for minute in minutes)
        around = [start + n * MINUTE for n in range(-case.before, open_time.length + case.after)]
        if not closed and not any(begin <= minute < finish for minute in around for begin, finish in case.busy):
            starts.append(start)
        start += open_time.length * MINUTE
    return starts


def _is_closed(case: Case, minute: datetime) -> bool:
    day = minute.astimezone(case.zone).date()
    for closed in case.closed_times:
        if closed.opens is None or closed.closes is None:
            if closed.on == day:
                return True
        elif (
            first_moment_of(closed.on, closed.opens, case.zone)
            <= minute
            < first_moment_of(closed.on, closed.closes, case.zone)
        ):
            return True
    return False
