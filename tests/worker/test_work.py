"""The worker process: each job starts without what an earlier one remembered."""

from __future__ import annotations

from typing import Any

from app.core.jobs import queue_named
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.tenancy.models import Clinic
from tests.worker import jobs
from worker import work


def test_settings_that_changed_are_read_by_the_next_job(clinic: Any) -> None:
    jobs.SEEN.clear()
    for prefix in ("INV", "NEW"):
        with all_tenants(), unit_of_work():
            db.session.get_one(Clinic, clinic.id).settings_json = {"invoice_prefix": prefix}
        queue_named("event").enqueue_call("tests.worker.jobs.note_prefix", args=(clinic.id,))
        work(["event"], forking=False, burst=True)
    assert jobs.SEEN == ["INV", "NEW"]
