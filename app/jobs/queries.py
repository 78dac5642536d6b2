"""How the queues and workers stand, read from Redis (SPEC JOB-3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rq import Worker
from rq.job import Job as RqJob

from app.core.jobs import (
    HISTORY_MINUTES,
    QUEUES,
    clinic_of,
    ended_by_minute,
    oldest_wait,
    queue_named,
    redis_connection,
)
from app.core.principal import current_principal
from app.core.waking import count_waiting
from app.tenancy.queries import settings_in_scope

LOOKED_THROUGH = 1000  # dead jobs of each queue


@dataclass(frozen=True)
class QueueFigures:
    """`oldest_seconds`: how long the first job has waited; `events` are rows that wait for the queue's relay."""

    name: str
    priority: str
    waiting: int
    running: int
    scheduled: int
    dead: int
    events: int
    oldest_seconds: int


def queue_figures() -> list[QueueFigures]:
    """Every queue, the most urgent first. Raises RedisError."""
    return [_figures(name) for name in QUEUES]


def _figures(name: str) -> QueueFigures:
    queue = queue_named(name)
    return QueueFigures(
        name,
        QUEUES[name],
        queue.count,
        queue.started_job_registry.count,
        queue.scheduled_job_registry.count,
        queue.failed_job_registry.count,
        count_waiting(name),
        int(oldest_wait(queue)),
    )


def aware(moment: datetime | None) -> datetime | None:
    """RQ's times are UTC and do not say so."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def worker_figures() -> list[dict[str, Any]]:
    """The workers that Redis knows. Raises RedisError."""
    return [
        {
            "name": worker.name[:12],
            "state": str(worker.get_state()),
            "queues": ", ".join(name.removesuffix("-queue") for name in worker.queue_names()),
            "done": worker.successful_job_count,
            "failed": worker.failed_job_count,
            "seen_at": aware(worker.last_heartbeat),
        }
        for worker in Worker.all(connection=redis_connection())
    ]


def last_hour() -> tuple[list[str], list[int], list[int]]:
    """Minutes as `14:05` of the clinic's clock, jobs done and jobs failed in each. Raises RedisError."""
    minutes, zone = ended_by_minute(HISTORY_MINUTES), ZoneInfo(settings_in_scope().zone)
    labels = [f"{datetime.fromtimestamp(60 * minute, zone):%H:%M}" for minute, _ in minutes]
    done = [sum(count for key, count in counts.items() if key.endswith(":done")) for _, counts in minutes]
    failed = [sum(count for key, count in counts.items() if key.endswith(":failed")) for _, counts in minutes]
    return labels, done, failed


def dead_jobs(most: int) -> list[tuple[str, RqJob]]:
    """Dead jobs that whoever looks may see, with their queue, the latest of each first. Raises RedisError."""
    found: list[tuple[str, RqJob]] = []
    for name in QUEUES:
        ids = queue_named(name).failed_job_registry.get_job_ids(0, LOOKED_THROUGH - 1, desc=True)
        jobs = RqJob.fetch_many(ids, connection=redis_connection())
        found += [(name, job) for job in jobs if job is not None and is_ours(job)][:most]
    return found[:most]


def is_ours(job: RqJob) -> bool:
    """Whether whoever looks may see and settle it."""
    principal = current_principal()
    return principal.super_admin or clinic_of(job) == principal.clinic_id
