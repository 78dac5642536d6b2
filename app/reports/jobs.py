"""Summing up days that are over, so that reports stay fast."""

from __future__ import annotations

from sqlalchemy import select

from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.reports.finished_days import sum_up_finished_days
from app.reports.rollups import DAYS_AT_ONCE
from app.tenancy.models import Clinic


@job("report", attempts=1, timeout=600, every=900)
def sum_up_days() -> int:
    """For every clinic, whatever days are over and not summed up; how many."""
    with all_tenants():
        clinics = list(db.session.scalars(select(Clinic.id).where(Clinic.archived.is_(False))))
    return sum(_sum_up(clinic_id) for clinic_id in clinics)


def _sum_up(clinic_id: str) -> int:
    """In parts, each its own transaction: the books are locked while one is summed up."""
    done = 0
    with tenant_scope(clinic_id):
        while True:
            with unit_of_work():
                days = sum_up_finished_days()
            done += days
            if days < DAYS_AT_ONCE:
                return done
