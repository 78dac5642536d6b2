"""Quiet hours over midnight and over changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messaging.quiet import next_time, quiet_until

BERLIN, KOLKATA = "Europe/Berlin", "Asia/Kolkata"
NIGHT = time(21), time(8)


def at(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (at(KOLKATA, 2026, 11, 21, 20, 59), None),
        (at(KOLKATA, 2026, 11, 21, 21, 0), at(KOLKATA, 2026, 11, 22, 8)),
        (at(KOLKATA, 2026, 11, 21, 23, 59), at(KOLKATA, 2026, 11, 22, 8)),
        (at(KOLKATA, 2026, 11, 22, 0, 0), at(KOLKATA, 2026, 11, 22, 8)),
        (at(KOLKATA, 2026, 11, 22, 7, 59), at(KOLKATA, 2026, 11, 22, 8)),
        (at(KOLKATA, 2026, 11, 22, 8, 0), None),
    ],
)
def test_a_night_goes_over_midnight(moment: datetime, end: datetime | None) -> None:
    assert quiet_until(moment, KOLKATA, *NIGHT) == end


def test_hours_within_a_day() -> None:
    lunch = time(12), time(14)
    assert quiet_until(at(KOLKATA, 2026, 11, 21, 13), KOLKATA, *lunch) == at(KOLKATA, 2026, 11, 21, 14)
    assert quiet_until(at(KOLKATA, 2026, 11, 21, 11, 59), KOLKATA, *lunch) is None
    assert quiet_until(at(KOLKATA, 2026, 11, 21, 13), KOLKATA, None, None) is None


def test_the_night_that_is_an_hour_shorter() -> None:
    evening, morning = at(BERLIN, 2026, 3, 28, 22), at(BERLIN, 2026, 3, 29, 8)
    assert quiet_until(evening, BERLIN, *NIGHT) == morning
    assert morning - evening == timedelta(hours=9)


def test_the_night_that_is_an_hour_longer() -> None:
    evening, morning = at(BERLIN, 2026, 10, 24, 22), at(BERLIN, 2026, 10, 25, 8)
    assert quiet_until(evening, BERLIN, *NIGHT) == morning
    assert morning - evening == timedelta(hours=11)


def test_an_end_that_the_clock_skips_is_the_end_of_the_skip() -> None:
    end = quiet_until(at(BERLIN, 2026, 3, 29, 1), BERLIN, time(22), time(2, 30))
    assert end == at(BERLIN, 2026, 3, 29, 3)


def test_an_end_that_is_shown_twice_is_never_in_the_past() -> None:
    first, second = at(BERLIN, 2026, 10, 25, 2, 15, fold=0), at(BERLIN, 2026, 10, 25, 2, 15, fold=1)
    assert quiet_until(first, BERLIN, time(22), time(2, 30)) == at(BERLIN, 2026, 10, 25, 2, 30, fold=0)
    assert quiet_until(second, BERLIN, time(22), time(2, 30)) == at(BERLIN, 2026, 10, 25, 2, 30, fold=1)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC))
clock_times = st.times().map(lambda value: value.replace(microsecond=0))
zones = st.sampled_from([BERLIN, KOLKATA, "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham", "UTC"])


@given(moments, zones, clock_times, clock_times)
def test_whatever_the_hours_they_end_after_now_and_within_a_day(
    now: datetime, zone: str, begin: time, end: time
) -> None:
    over = quiet_until(now, zone, begin, end)
    if over is None:
        return
    assert now < over <= now + timedelta(hours=25)
    shown = over.astimezone(ZoneInfo(zone)).time()
    assert shown == end or quiet_until(over, zone, begin, end) is None or shown > end


@given(moments, zones, clock_times)
def test_a_time_of_day_comes_within_a_day(now: datetime, zone: str, wanted: time) -> None:
    assert now < next_time(now, zone, wanted) <= now + timedelta(hours=25)


def test_a_digest_at_six_is_at_six_on_both_sides_of_the_change() -> None:
    first = next_time(at(BERLIN, 2026, 3, 28, 12), BERLIN, time(18))
    second = next_time(first, BERLIN, time(18))
    assert [moment.astimezone(ZoneInfo(BERLIN)).time() for moment in (first, second)] == [time(18), time(18)]
    assert second - first == timedelta(hours=23)
    assert first.astimezone(ZoneInfo(BERLIN)).date() == date(2026, 3, 28)
