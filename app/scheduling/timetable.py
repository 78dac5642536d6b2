"""From a doctor's hours to slots: plain arithmetic on wall-clock hours, busy times and seats, without the database.

Wall-clock times become instants as RFC 5545 (3.3.5) says: a time that the clocks skip is read with the offset before
the change, a time that comes twice means the first. Inside open hours slots follow each other in elapsed time, so that
a day of 23 hours has fewer slots and none is shorter than it says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


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


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that can be booked. `capacity` above 1 is a group; `free_seats` is what is left of it."""

    starts_at: datetime
    ends_at: datetime
    location_id: str
    room_id: str | None
    capacity: int
    free_seats: int = 0

    def with_free(self, seats: int) -> Slot:
        """The same slot with what is left of it; made directly, thousands of times per answer."""
        return Slot(self.starts_at, self.ends_at, self.location_id, self.room_id, self.capacity, seats)


@dataclass(frozen=True, slots=True)
class Occupation:
    """Time that a visit or a hold takes, buffers included. `seat` is None where it takes all seats."""

    begins: datetime
    ends: datetime
    starts_at: datetime
    seat: int | None = None
    room_only: str | None = None  # of another doctor: it blocks this room, not the doctor
    own_hold: bool = False  # of whoever asks: no obstacle


@dataclass(frozen=True, slots=True)
class Buffers:
    """Time before and after a visit that belongs to it."""

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)


NO_BUFFERS = Buffers()


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when the clinic's clock shows `at` on `day`."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def day_bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of `first` to the first moment after `last`."""
    return instant(first, time(0), zone), instant(last + timedelta(days=1), time(0), zone)


def days_from(first: date, days: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(days)]


def timetable(
    days: Iterable[date],
    weekly: Sequence[Hours],
    added: Sequence[Hours],
    closures: Sequence[Closure],
    zone: ZoneInfo,
    at: datetime | None = None,
) -> list[Slot]:
    """All slots of the days in order, taken or not; with `at` those that begin at that moment.

    A closure cuts weekly hours; added hours stay.
    """
    slots: set[Slot] = set()
    for day in days:
        closed = [_closed_time(item, day, zone) for item in closures if item.first_on <= day <= item.last_on]
        for hours in weekly:
            if hours.cover(day):
                slots.update(slot for slot in _cut(hours, day, zone, at) if not _is_closed(slot, closed))
        for hours in added:
            if hours.cover(day):
                slots.update(_cut(hours, day, zone, at))
    return sorted(slots, key=lambda slot: (slot.starts_at, slot.ends_at, slot.location_id))


def _cut(hours: Hours, day: date, zone: ZoneInfo, at: datetime | None) -> Iterator[Slot]:
    """Slots back to back from opening; a rest that is too short for one stays empty."""
    start, closing = instant(day, hours.opens, zone), instant(day, hours.closes, zone)
    length = timedelta(minutes=hours.slot_minutes)
    if at is not None:
        if at < start or (at - start) % length:
            return
        start, closing = at.astimezone(UTC), min(closing, at + length)
    while start + length <= closing:
        yield Slot(start, start + length, hours.location_id, hours.room_id, hours.capacity)
        start += length


def _closed_time(closure: Closure, day: date, zone: ZoneInfo) -> tuple[datetime, datetime, str | None]:
    if closure.opens is None or closure.closes is None:
        return (*day_bounds(day, day, zone), closure.location_id)
    return instant(day, closure.opens, zone), instant(day, closure.closes, zone), closure.location_id


def _is_closed(slot: Slot, closed: Iterable[tuple[datetime, datetime, str | None]]) -> bool:
    return any(
        begins < slot.ends_at and slot.starts_at < ends and location_id in (None, slot.location_id)
        for begins, ends, location_id in closed
    )


class Occupancy:
    """Occupations in order of time, ready to be asked about many slots."""

    def __init__(self, occupations: Iterable[Occupation], buffers: Buffers = NO_BUFFERS) -> None:
        found = list(occupations)
        self.has_own_hold = any(item.own_hold for item in found)
        self._items = sorted((item for item in found if not item.own_hold), key=lambda item: item.begins)
        self._begins = [item.begins for item in self._items]
        self._longest = max((item.ends - item.begins for item in self._items), default=timedelta(0))
        self._buffers = buffers

    def free_seats(self, slot: Slot) -> int:
        """How many more visits the slot can take."""
        taken: set[int] = set()
        for item in self.meeting(slot):
            if item.room_only is not None:
                if item.room_only == slot.room_id:
                    return 0
            elif slot.capacity == 1 or item.seat is None or item.starts_at != slot.starts_at:
                return 0
            else:
                taken.add(item.seat)
        return max(0, slot.capacity - len(taken))

    def first_free_seat(self, slot: Slot) -> int | None:
        """The lowest seat that is free in a group slot."""
        if not self.free_seats(slot):
            return None
        taken = {item.seat for item in self.meeting(slot) if item.room_only is None}
        return next(seat for seat in range(slot.capacity) if seat not in taken)

    def meeting(self, slot: Slot) -> Iterator[Occupation]:
        """The occupations that overlap the slot's time with its buffers."""
        begins, ends = slot.starts_at - self._buffers.before, slot.ends_at + self._buffers.after
        for item in self._items[bisect_left(self._begins, begins - self._longest) : bisect_left(self._begins, ends)]:
            if item.ends > begins:
                yield item
