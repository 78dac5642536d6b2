"""Times of day in somebody's zone: quiet hours, over midnight and over changes of the clock, and the next digest."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def quiet_until(now: datetime, zone: str, begin: time | None, end: time | None) -> datetime | None:
    """When the quiet hours that `now` is in are over; None outside of them. From 21:00 to 08:00 goes over midnight.

    A moment counts by what the wall clock shows, so that a night in which the clock is changed is an hour shorter or
    longer. The end is always after `now`.
    """
    if begin is None or end is None or begin == end:
        return None
    shown = now.astimezone(ZoneInfo(zone)).time()
    inside = begin <= shown < end if begin < end else shown >= begin or shown < end
    return next_time(now, zone, end) if inside else None


def next_time(now: datetime, zone: str, wanted: time) -> datetime:
    """The next moment at which the wall clock shows `wanted`; where it skips that, the moment of the skip's end."""
    local = now.astimezone(ZoneInfo(zone))
    for days in range(3):
        day = local.date() + timedelta(days=days)
        for fold in (0, 1):  # a time that is shown twice: the first one that is still to come
            moment = datetime.combine(day, wanted, ZoneInfo(zone)).replace(fold=fold).astimezone(UTC)
            if moment > now:
                return _after_skip(moment, zone, wanted)
    raise AssertionError("every time comes within two days")


def _after_skip(moment: datetime, zone: str, wanted: time) -> datetime:
    """A time that the clock skips is read with the offset of before: go back to where the clock was moved."""
    local = moment.astimezone(ZoneInfo(zone))
    if local.time() == wanted:
        return moment
    offset = local.utcoffset()
    while (moment - MINUTE).astimezone(ZoneInfo(zone)).utcoffset() == offset:
        moment -= MINUTE
    return moment.replace(second=0, microsecond=0)
