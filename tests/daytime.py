"""The zone of the clinics that tests make: a test of "today" must not begin five minutes before midnight.

It is as many hours from UTC as make it about ten in the morning now, on the date of UTC. The first process of a run
chooses, the others find its choice in the environment. What depends on a real zone or on daylight saving names its own.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_CHOSEN = "CLINIC_TEST_ZONE"
_MORNING = 10
_WEST, _EAST = -12, 14  # the zones that there are


def _choose() -> str:
    hours = max(_WEST, min(_EAST, _MORNING - datetime.now(UTC).hour))
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"  # those names count westward


ZONE_NAME = os.environ.setdefault(_CHOSEN, _choose())
ZONE = ZoneInfo(ZONE_NAME)


def on_the(day: int, month: int) -> datetime:
    """Ten in the morning of a day of next year: where months or financial years end, a test names its day."""
    return datetime(datetime.now(ZONE).year + 1, month, day, _MORNING, tzinfo=ZONE)
