"""Issuing many invoices in the background."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.billing.models import UNFINISHED, BulkInvoiceRun
from app.billing.services.bulk import work_on
from app.core import clock
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope

SILENCE = timedelta(seconds=30)


@job("bulk-invoice", attempts=1, timeout=3600)
def issue_in_bulk(clinic_id: str, run_id: str) -> None:
    """Do a run to its end, from wherever it stands."""
    with tenant_scope(clinic_id):
        work_on(run_id)


@job("event", attempts=1, every=15)
def sweep_bulk_runs() -> int:
    """Wake runs whose worker died, or whose wake-up was lost."""
    last_sign = func.coalesce(BulkInvoiceRun.beat_at, BulkInvoiceRun.created_at)
    silent = select(BulkInvoiceRun.clinic_id, BulkInvoiceRun.id).where(
        BulkInvoiceRun.status.in_(UNFINISHED), last_sign < clock.now() - SILENCE
    )
    with all_tenants():
        rows = db.session.execute(silent).all()
    for clinic_id, run_id in rows:
        issue_in_bulk.enqueue_now(clinic_id, run_id)
    return len(rows)
