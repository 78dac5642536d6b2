"""The workers of long work, and what finds runs whose worker died."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.core import clock
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.jobs.kinds import KINDS
from app.jobs.models import UNFINISHED, JobRun
from app.jobs.services import work_on

SILENCE = timedelta(seconds=30)


@job("bulk-ehr-import", attempts=1, timeout=3600)
def run_import(clinic_id: str, run_id: str) -> None:
    """Do an import to its end, from wherever it stands."""
    with tenant_scope(clinic_id):
        work_on(run_id)


@job("report", attempts=1, timeout=3600)
def run_export(clinic_id: str, run_id: str) -> None:
    """Do an export to its end, from wherever it stands."""
    with tenant_scope(clinic_id):
        work_on(run_id)


WORKERS = {"bulk-ehr-import": run_import, "report": run_export}


def wake(run: JobRun) -> None:
    """Have a worker begin once the order is durable."""
    WORKERS[KINDS[run.kind].queue].enqueue(run.clinic_id, run.id)


@job("event", attempts=1, every=15)
def sweep_runs() -> int:
    """Wake runs whose worker died, or whose wake-up was lost; a kind that this release does not know waits for one."""
    last_sign = func.coalesce(JobRun.beat_at, JobRun.created_at)
    silent = select(JobRun.clinic_id, JobRun.id, JobRun.kind).where(
        JobRun.status.in_(UNFINISHED), JobRun.kind.in_(list(KINDS)), last_sign < clock.now() - SILENCE
    )
    with all_tenants():
        rows = db.session.execute(silent).all()
    for clinic_id, run_id, kind in rows:
        WORKERS[KINDS[kind].queue].enqueue_now(clinic_id, run_id)
    return len(rows)
