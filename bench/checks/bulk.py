"""Invoices for many visits at once, issued by the job that issues them."""

from __future__ import annotations

import time
from datetime import date

import psycopg

from bench.data import connection_arguments
from bench.figures import Effort, Figure
from bench.installation import Installation
from bench.orders import nothing_left_to_do

SMALLEST_RATE = 100
INVOICES_A_REQUEST = 50  # of the usual effort: 10,000 invoices
_WAITING = """
select (starts_at at time zone 'Asia/Kolkata')::date as day, count(*) from appointment
where clinic_id = %s and status = 'COMPLETED'
  and not exists (select from invoice where invoice.appointment_id = appointment.id and invoice.status <> 'VOID')
group by day order by day
"""


def bulk(installation: Installation, effort: Effort) -> list[Figure]:
    wanted = effort.requests * INVOICES_A_REQUEST
    first, last = _period(installation, wanted)
    with nothing_left_to_do(installation), installation.app.app_context():
        issued, failed, seconds = _issue(installation.house.clinic_id, first, last)
    what = f"{issued:,} invoices issued in bulk"
    detail = f"{seconds:.1f} s, {failed} failed; each with its number, journal entry, events and trail"
    return [Figure("bulk", what, issued / seconds, "invoices/s", ">=", SMALLEST_RATE, detail)]


def _period(installation: Installation, wanted: int) -> tuple[date, date]:
    """The oldest days that together have so many visits without an invoice; fewer where there are no more."""
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        days = connection.execute(_WAITING, (installation.house.clinic_id,)).fetchall()
    found = 0
    for day, visits in days:
        found += visits
        if found >= wanted:
            return days[0][0], day
    if not days:
        raise RuntimeError("every visit has its invoice: load the data again with --fresh")
    return days[0][0], days[-1][0]


def _issue(clinic_id: str, first: date, last: date) -> tuple[int, int, float]:
    """Issued, failed, seconds of the job. Raises RuntimeError where it issues nothing."""
    from app.billing.jobs.bulk import issue_in_bulk
    from app.billing.services.bulk import get_run, start_bulk_visits
    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work

    with tenant_scope(clinic_id), unit_of_work():
        run_id = start_bulk_visits(first, last).id
    started = time.perf_counter()
    issue_in_bulk(clinic_id, run_id)
    seconds = time.perf_counter() - started
    with tenant_scope(clinic_id):
        run = get_run(run_id)
        done, failed = run.done_count, run.failed_count
        db.session.rollback()
    if not done:
        raise RuntimeError("no invoice was issued")
    return done, failed, seconds
