"""The days of a series, and which of them the doctor has free: what somebody looks at before booking it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta
from flask_babel import gettext as _

from app.core import clock
from app.core.errors import Invalid
from app.scheduling.models.seats import wall_clock
from app.scheduling.models.series import MOST_VISITS, Every
from app.scheduling.queries.slots import bookable, diary_of, last_bookable, local_day, slots_at

OTHER_TIMES = 4


class DayState(StrEnum):
    FREE = "FREE"
    TAKEN = "TAKEN"
    CLOSED = "CLOSED"
    PASSED = "PASSED_BY"
    TOO_FAR_AHEAD = "TOO_FAR_AHEAD"


@dataclass(frozen=True)
class SeriesDay:
    """One wanted time, whether it can be booked, and the free times of that day that are nearest to it."""

    starts_at: datetime
    state: DayState
    others: tuple[datetime, ...] = ()


def series_times(first_at: datetime, every: str, steps: int, visits: int) -> list[datetime]:
    """The same time of the clinic's day every so often, whatever the clocks do; a month's last day where it is short.

    Raises Invalid.
    """
    if not 2 <= visits <= MOST_VISITS:
        raise Invalid(fields={"visits": _("From 2 to %(most)s visits.", most=MOST_VISITS)})
    if not 1 <= steps <= MOST_VISITS // 2:
        raise Invalid(fields={"steps": _("From 1 to %(most)s.", most=MOST_VISITS // 2)})
    return [shifted(first_at, every, steps * number) for number in range(visits)]


def shifted(moment: datetime, every: str, times: int) -> datetime:
    """The moment so many days, weeks or months later by the clinic's clock."""
    local = wall_clock(moment)
    later = {
        Every.DAY: relativedelta(days=times),
        Every.WEEK: relativedelta(weeks=times),
        Every.MONTH: relativedelta(months=times),
    }[Every(every)]
    return (local + later).astimezone(UTC)


def preview_series(
    doctor_id: str, type: str, times: list[datetime], *, location_id: str | None = None
) -> list[SeriesDay]:
    """What each wanted time is today. Raises NotFound for the doctor."""
    return [_day(doctor_id, type, moment, location_id) for moment in times]


def _day(doctor_id: str, type: str, moment: datetime, location_id: str | None) -> SeriesDay:
    if moment <= clock.now():
        return SeriesDay(moment, DayState.PASSED)
    if moment >= last_bookable():
        return SeriesDay(moment, DayState.TOO_FAR_AHEAD)
    day = local_day(moment)
    diary = diary_of(doctor_id, day, 1, type)
    free = sorted({slot.starts_at for slot in bookable(diary, day, 1, type, location_id)})
    if moment in free:
        return SeriesDay(moment, DayState.FREE)
    known = slots_at(diary, moment, type, location_id)
    others = tuple(sorted(_nearest(free, moment)))
    return SeriesDay(moment, DayState.TAKEN if known else DayState.CLOSED, others)


def _nearest(free: list[datetime], moment: datetime) -> Iterator[datetime]:
    def distance(other: datetime) -> timedelta:
        return abs(other - moment)

    yield from sorted(free, key=distance)[:OTHER_TIMES]
