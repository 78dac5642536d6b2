"""Every sum that is kept of days that are over."""

from __future__ import annotations

from app.reports.earnings import EARNINGS
from app.reports.rollups import roll_up
from app.reports.takings import TAKINGS

ROLLUPS = (TAKINGS, EARNINGS)


def sum_up_finished_days() -> int:
    """Sum up what is not summed up yet, some days at a time; how many days."""
    return roll_up(ROLLUPS)
