"""API of long work: watch it, stop it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.api import Api, ListQuery, endpoint
from app.core.paging import page
from app.jobs.models import JobProblem, JobRun
from app.jobs.services import cancel_run, get_run, progress_of

RUN = "/jobs/<id:job_run_id>"


class JobApi(Api):
    """Imports and exports, done by workers."""

    openapi_tag = "Jobs"

    @endpoint("GET", "/jobs", resource="job_run", action="read", query=ListQuery)
    def runs(self, query: ListQuery) -> dict[str, Any]:
        """Long work of the clinic, the newest first."""
        keys = [JobRun.created_at, JobRun.id]
        return page(select(JobRun, *keys), keys, query, lambda row: progress_of(row.JobRun), descending=True)

    @endpoint("GET", RUN, resource="job_run", action="read")
    def run(self, job_run_id: str) -> dict[str, Any]:
        """How far a run got."""
        return progress_of(get_run(job_run_id))

    @endpoint("GET", f"{RUN}/problems", resource="job_run", action="read", query=ListQuery)
    def problems(self, job_run_id: str, query: ListQuery) -> dict[str, Any]:
        """The rows of a run that were left out, and why."""
        keys = [JobProblem.row, JobProblem.id]
        wanted = select(JobProblem.text, *keys).where(JobProblem.run_id == job_run_id)
        problems = page(wanted, keys, query, lambda row: {"row": row.row, "text": row.text})
        get_run(job_run_id)
        return problems

    @endpoint("POST", f"{RUN}/cancel", resource="job_run", action="cancel")
    def cancel(self, job_run_id: str) -> dict[str, Any]:
        """Stop a run after the rows under way; what is done stays."""
        return progress_of(cancel_run(job_run_id))
