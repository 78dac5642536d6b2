"""Queues, workers and dead jobs, with Retry and Discard (SPEC JOB-1, JOB-3)."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from redis.exceptions import RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job as RqJob

from app.core.errors import NotFound, Unavailable
from app.core.jobs import redis_connection, scheduled_jobs
from app.core.views import ActionView
from app.jobs.queries import QueueFigures, aware, dead_jobs, is_ours, last_hour, queue_figures, worker_figures

SHOWN_DEAD_JOBS = 50


class QueueView(ActionView):
    """What waits, what runs, what died. Jobs of all clinics share the queues; dead ones are shown to their own clinic,
    those of everybody to a SUPER_ADMIN.
    """

    class_permission_name = "job"
    route_base = "/queues-and-workers"
    menu = ("Set-up", lazy_gettext("Queues and workers"))
    menu_order = 84
    default_view = "overview"

    @expose("/")
    def overview(self) -> str:
        self.require()
        try:
            queues, workers, dead, hour = queue_figures(), worker_figures(), _dead_jobs(), last_hour()
        except RedisError:
            raise Unavailable(_("Redis is not reachable; what waits there is not lost.")) from None
        return self.render(
            "jobs/queues.html",
            queues=queues,
            workers=workers,
            dead=dead,
            scheduled=scheduled_jobs(),
            depth=_depth_chart(queues),
            hour=_hour_chart(*hour),
            figures=_figures(queues, hour),
        )

    @expose("/dead/<job_id>", methods=["POST"])
    def settle(self, job_id: str) -> Any:
        """Retry or discard a dead job."""
        self.require("retry")
        try:
            flash(_settle(_dead_job(job_id), discard=request.form.get("do") == "discard"), "success")
        except RedisError:
            raise Unavailable(_("Redis is not reachable; what waits there is not lost.")) from None
        return redirect(url_for(".overview"))


def _settle(job: RqJob, *, discard: bool) -> str:
    if discard:
        job.delete()
        return _("The job is discarded.")
    job.requeue()
    return _("The job waits in its queue again.")


def _dead_jobs() -> list[dict[str, Any]]:
    return [_show_dead(name, job) for name, job in dead_jobs(SHOWN_DEAD_JOBS)]


def _show_dead(queue: str, job: RqJob) -> dict[str, Any]:
    result = job.latest_result()
    return {
        "id": job.id,
        "queue": queue,
        "name": (job.func_name or "").rpartition(".")[2],
        "ended_at": aware(job.ended_at),
        "error": exception_name(result.exc_string or "") if result else "",
    }


def exception_name(trace: str) -> str:
    """What ended a traceback, without its text, which may name a person: the first line that is not indented."""
    last = trace.rpartition("Traceback (most recent call last):")[2]
    found = next((line for line in last.splitlines() if line and not line[0].isspace()), "")
    return found.partition(":")[0][:120]


def _dead_job(job_id: str) -> RqJob:
    try:
        job = RqJob.fetch(job_id, connection=redis_connection())
        if not job.is_failed or not is_ours(job):
            raise NotFound
    except (NoSuchJobError, InvalidJobOperation, ValueError):
        raise NotFound from None
    return job


def _figures(queues: list[QueueFigures], hour: tuple[list[str], list[int], list[int]]) -> dict[str, int]:
    """The numbers above the charts."""
    _labels, done, failed = hour
    return {
        "waiting": sum(row.waiting for row in queues),
        "events": sum(row.events for row in queues),
        "oldest": max(row.oldest_seconds for row in queues),
        "done": sum(done),
        "failed": sum(failed),
    }


def _depth_chart(queues: list[QueueFigures]) -> dict[str, Any]:
    return {
        "type": "bar-flat",
        "labels": [row.name for row in queues],
        "series": [
            {"name": _("Waiting"), "data": [row.waiting + row.events for row in queues]},
            {"name": _("Running"), "data": [row.running for row in queues]},
            {"name": _("Dead"), "data": [row.dead for row in queues]},
        ],
    }


def _hour_chart(labels: list[str], done: list[int], failed: list[int]) -> dict[str, Any]:
    series = [{"name": _("Done"), "data": done}, {"name": _("Failed"), "data": failed}]
    return {"type": "line", "labels": labels, "series": series}
