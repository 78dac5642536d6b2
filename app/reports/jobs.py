"""Summing up days that are over, so that reports stay fast."""

from __future__ import annotations

from app.core.jobs import job
from app.core.transaction import unit_of_work
from app.reports.finished_days import sum_up_finished_days
from app.reports.rollups import DAYS_AT_ONCE
from app.tenancy.rounds import in_every_clinic


@job("report", attempts=1, timeout=600, every=900)
def sum_up_days() -> int:
    """For every clinic, whatever days are over and not summed up; how many."""
    return in_every_clinic(_sum_up)


def _sum_up() -> int:
    """In parts, each its own transaction: the books are locked while one is summed up."""
    done = 0
    while True:
        with unit_of_work():
            days = sum_up_finished_days()
        done += days
        if days < DAYS_AT_ONCE:
            return done
