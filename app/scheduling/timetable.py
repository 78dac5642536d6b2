"""From a doctor's hours to slots: plain arithmetic on wall-clock hours, busy times and seats, without the database.

Wall-clock times become instants as RFC 5545 (3.3.5) says: a time that the clocks skip is read with the offset before
the change, a time that comes twice means the first. Inside open hours slots follow each other in elapsed time, so that
a day of 23 hours has fewer slots and none is shorter than it says.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

Seconds = float  # since 1970 in UTC: whole days of slots are worked out in numbers, which is many times faster


@dataclass(frozen=True, slots=True)
class Hours:
    """Open hours of one day, or of one weekday where `weekday` is set (0 is Monday)."""

    opens: time
    closes: time
    location_id: str
    room_id: str | None
    types: tuple[str, ...]
    slot_minutes: int
    capacity: int
    weekday: int | None = None
    first_on: date | None = None
    last_on: date | None = None

    def cover(self, day: date) -> bool:
        """Whether the hours are kept on that day."""
        return (
            (self.weekday is None or self.weekday == day.weekday())
            and (self.first_on is None or self.first_on <= day)
            and (self.last_on is None or day <= self.last_on)
        )


@dataclass(frozen=True, slots=True)
class Closure:
    """Time taken away on some days: all of each day, or between two times of day; at one location, or at all."""

    first_on: date
    last_on: date
    opens: time | None = None
    closes: time | None = None
    location_id: str | None = None


class Slot(NamedTuple):
    """A time that can be booked. `capacity` above 1 is a group; `free_seats` is what is left of it."""

    starts_at: datetime
    ends_at: datetime
    location_id: str
    room_id: str | None
    capacity: int
    free_seats: int = 0


class Group(NamedTuple):
    """The visits that share one time of one doctor, each with a seat."""

    starts: Seconds
    ends: Seconds
    location_id: str


@dataclass(frozen=True, slots=True)
class Occupation:
    """Times, in order and apart, that visits, holds and leave take, buffers included.

    A member of a `group` leaves its other seats free; everything else takes all seats.
    """

    begins: Sequence[Seconds]
    ends: Sequence[Seconds]
    room_only: str | None = None  # of another doctor: it blocks this room, not the doctor
    group: Group | None = None
    seat: int | None = None
    own_hold: bool = False  # of whoever asks: no obstacle

    def meeting(self, begins: Seconds, ends: Seconds) -> Iterator[tuple[Seconds, Seconds]]:
        """Those of the times that overlap the given one."""
        for n in range(bisect_right(self.ends, begins), len(self.begins)):
            if self.begins[n] >= ends:
                return
            yield self.begins[n], self.ends[n]


@dataclass(frozen=True, slots=True)
class Buffers:
    """Time before and after a visit that belongs to it."""

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)


NO_BUFFERS = Buffers()


class Strip:
    """The slots of one stretch of open hours, back to back; those that cannot be had are struck out."""

    __slots__ = ("_seats", "_struck", "capacity", "count", "first", "location_id", "room_id", "step")

    def __init__(self, hours: Hours, first: int, count: int) -> None:
        self.first, self.count, self.step = first, count, hours.slot_minutes * 60
        self.location_id, self.room_id, self.capacity = hours.location_id, hours.room_id, hours.capacity
        self._struck = bytearray(count)
        self._seats: dict[int, set[int]] = {}

    @property
    def end(self) -> int:
        return self.first + self.count * self.step

    def strike(self, begins: Seconds, ends: Seconds, before: Seconds = 0, after: Seconds = 0) -> None:
        """Take out each slot that, with its buffers, overlaps the time."""
        low = int((begins - after - self.first) // self.step)
        high = int(-((self.first - ends - before) // self.step))
        self._strike_between(low, high)

    def keep_starts_between(self, earliest: Seconds, latest: Seconds) -> None:
        """Take out each slot that does not begin after the first and before the second moment."""
        self._strike_between(0, int((earliest - self.first) // self.step) + 1)
        self._strike_between(int(-((self.first - latest) // self.step)), self.count)

    def keep_start(self, at: Seconds) -> None:
        """Take out all but the slot that begins at the moment."""
        number, rest = divmod(at - self.first, self.step)
        self._strike_between(0, self.count if rest else int(number))
        self._strike_between(int(number) + 1, self.count)

    def take_seat(self, group: Group, seat: int) -> int | None:
        """The number of the slot that is this very group, which has a seat less now; None if there is none."""
        number, rest = divmod(group.starts - self.first, self.step)
        same = not rest and 0 <= number < self.count and group.ends == group.starts + self.step
        if self.capacity == 1 or not same or group.location_id != self.location_id:
            return None
        self._seats.setdefault(int(number), set()).add(seat)
        return int(number)

    def strike_around(self, number: int, begins: Seconds, ends: Seconds, before: Seconds, after: Seconds) -> None:
        """As strike(), but for one slot."""
        kept = self._struck[number]
        self.strike(begins, ends, before, after)
        self._struck[number] = kept

    def taken_seats(self, number: int) -> set[int]:
        return self._seats.get(number, set())

    def is_struck(self, number: int) -> bool:
        return bool(self._struck[number])

    def slots(self) -> Iterator[Slot]:
        """What is left, in order."""
        for number in range(self.count):
            if self._struck[number]:
                continue
            free = self.capacity - len(self._seats[number]) if number in self._seats else self.capacity
            if free > 0:
                starts = self.first + number * self.step
                times = datetime.fromtimestamp(starts, UTC), datetime.fromtimestamp(starts + self.step, UTC)
                yield Slot(*times, self.location_id, self.room_id, self.capacity, free)

    def _strike_between(self, low: int, high: int) -> None:
        low, high = max(low, 0), min(high, self.count)
        if low < high:
            self._struck[low:high] = b"\x01" * (high - low)


class Occupancy:
    """All that is busy or held around a doctor, ready to be laid over their hours."""

    def __init__(self, occupations: Iterable[Occupation] = (), buffers: Buffers = NO_BUFFERS) -> None:
        found = list(occupations)
        self.has_own_hold = any(item.own_hold for item in found)
        self._items = [item for item in found if not item.own_hold]
        self._before, self._after = buffers.before.total_seconds(), buffers.after.total_seconds()

    def lay_over(self, strip: Strip) -> None:
        """Strike out what is taken, and count the seats of groups."""
        begins, ends = strip.first - self._before, strip.end + self._after
        for item in self._items:
            if item.room_only in (None, strip.room_id):
                for time in item.meeting(begins, ends):
                    self._lay(item, time, strip)

    def _lay(self, item: Occupation, time: tuple[Seconds, Seconds], strip: Strip) -> None:
        number = strip.take_seat(item.group, item.seat or 0) if item.group else None
        if number is None:
            strip.strike(*time, self._before, self._after)
        else:
            strip.strike_around(number, *time, self._before, self._after)

    def free_seats(self, slot: Slot) -> int:
        """How many more visits the slot can take."""
        return next((left.free_seats for left in self._over(slot).slots()), 0)

    def first_free_seat(self, slot: Slot) -> int | None:
        """The lowest seat that is free in a group slot."""
        strip = self._over(slot)
        taken = strip.taken_seats(0)
        full = strip.is_struck(0) or len(taken) >= slot.capacity
        return None if full else next(n for n in range(slot.capacity) if n not in taken)

    def _over(self, slot: Slot) -> Strip:
        minutes = int((slot.ends_at - slot.starts_at).total_seconds()) // 60
        hours = Hours(time(0), time(0), slot.location_id, slot.room_id, (), minutes, slot.capacity)
        strip = Strip(hours, int(slot.starts_at.timestamp()), 1)
        self.lay_over(strip)
        return strip


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when the clinic's clock shows `at` on `day`."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def day_bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of `first` to the first moment after `last`."""
    return instant(first, time(0), zone), instant(last + timedelta(days=1), time(0), zone)


def days_from(first: date, days: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(days)]


def strips_of(
    days: Iterable[date],
    weekly: Sequence[Hours],
    added: Sequence[Hours],
    closures: Sequence[Closure],
    zone: ZoneInfo,
) -> list[Strip]:
    """The open hours of the days, taken or not. A closure cuts weekly hours; added hours stay."""
    found = []
    for day in days:
        closed = [_closed_time(item, day, zone) for item in closures if item.first_on <= day <= item.last_on]
        for hours in weekly:
            if hours.cover(day):
                found.append(_strip(hours, day, zone))
                for begins, ends, location_id in closed:
                    if location_id in (None, hours.location_id):
                        found[-1].strike(begins, ends)
        found += [_strip(hours, day, zone) for hours in added if hours.cover(day)]
    return found


def slots_of(strips: Iterable[Strip]) -> list[Slot]:
    """What is left of the strips, each slot once, in order."""
    found = dict.fromkeys(slot for strip in strips for slot in strip.slots())
    return sorted(found, key=lambda slot: slot[:3])


def _strip(hours: Hours, day: date, zone: ZoneInfo) -> Strip:
    """Slots back to back from opening; a rest that is too short for one stays empty."""
    opens, closes = _seconds(day, hours.opens, zone), _seconds(day, hours.closes, zone)
    return Strip(hours, opens, max(0, closes - opens) // (hours.slot_minutes * 60))


def _seconds(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp())


def _closed_time(closure: Closure, day: date, zone: ZoneInfo) -> tuple[int, int, str | None]:
    if closure.opens is None or closure.closes is None:
        return _seconds(day, time(0), zone), _seconds(day + timedelta(days=1), time(0), zone), closure.location_id
    return _seconds(day, closure.opens, zone), _seconds(day, closure.closes, zone), closure.location_id
