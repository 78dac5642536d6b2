"""Background work: RQ queues, jobs declared by a decorator, schedules beside them.

A job carries ids only. Redis is a wake-up, never the truth: whatever must happen has a row in the database, and a
scheduled sweeper finds rows whose wake-up was lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import update_wrapper
from inspect import signature
from typing import Any, Generic, ParamSpec, TypeVar

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry, get_current_job
from rq.job import Job as RqJob
from rq.job import JobStatus
from sqlalchemy.exc import OperationalError

from app.core import metrics
from app.core.connections import is_away
from app.core.logging import bound, flush
from app.core.redis_guard import guarded_redis
from app.core.tenant import current_clinic_id
from app.core.transaction import after_commit
from config import get_settings

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

CRITICAL, HIGH, NORMAL, LOW = PRIORITIES = ("CRITICAL", "HIGH", "NORMAL", "LOW")
# Fourteen queues and how urgent each is (SPEC JOB-1), most urgent first: a worker empties them in this order.
LIGHT_QUEUES = {"event": CRITICAL, "payment": CRITICAL, "notification": HIGH, "email": HIGH}
HEAVY_QUEUES = {
    "lab-report": HIGH,
    "invoice-pdf": NORMAL,
    "bulk-invoice": NORMAL,
    "report": NORMAL,
    "imaging": NORMAL,
    "video-recording": NORMAL,
    "video-transcoding": NORMAL,
    "video-analytics": NORMAL,
    "bulk-ehr-import": LOW,
    "payment-reconciliation": LOW,
}
QUEUES = LIGHT_QUEUES | HEAVY_QUEUES
ATTEMPTS = 3
FEWER_ATTEMPTS = {"video-recording": 2}
BACKOFF_BASE_SECONDS = 2
# How long a job waits for a database that does not answer.
AWAY_SECONDS = 5
# Where a queued job says whose it is; also the name of the parameter that tells a job its clinic.
CLINIC = "clinic_id"

HISTORY_MINUTES = 60
JOB_SECONDS = metrics.Histogram("clinic_job_seconds", "How long jobs ran", ["queue", "result"])

_connection: Redis | None = None


class DatabaseAway(Exception):
    """A job could not be done because the database does not answer. No failure of the job: it comes again."""


def redis_connection() -> Redis:
    """One connection pool per process, for everything but waiting: a dead or hung Redis must not hold up a request."""
    global _connection
    if _connection is None:
        _connection = guarded_redis(get_settings().redis_url, get_settings().redis_answer_seconds)
    return _connection


def waiting_connection() -> Redis:
    """For workers and the scheduler, whose blocking reads take longer than any answer may."""
    return Redis.from_url(get_settings().redis_url, socket_timeout=5, socket_connect_timeout=1)


def queue_named(name: str) -> Queue:
    if name not in QUEUES:
        raise ValueError(f"no queue is named {name}")
    return Queue(f"{name}-queue", connection=redis_connection())


def backoff_seconds(attempts: int) -> list[int]:
    return [BACKOFF_BASE_SECONDS * 4**n for n in range(attempts)]


@dataclass
class Job(Generic[P, R]):
    """A function that a worker runs. Calling it runs it here; `enqueue` hands it over after the commit."""

    function: Callable[P, R]
    queue: str
    attempts: int
    timeout: int
    every: int | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.function.__module__}.{self.function.__qualname__}"
        self._signature = signature(self.function)
        update_wrapper(self, self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with bound(operation=self.name.rpartition(".")[2]):
                return self._done(*args, **kwargs)
        finally:
            flush()  # a forked job process leaves without running exit handlers

    def _done(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """In a worker a database that is away leaves no dead jobs behind: whatever had to happen is found again."""
        try:
            return self.function(*args, **kwargs)
        except OperationalError as error:
            current = get_current_job()
            if current is None or not is_away(error):
                raise
        if self.every:
            log.warning("the database does not answer: nothing was done, the schedule comes again")
            return None  # type: ignore[return-value]
        log.warning("the database does not answer: the job is tried again in %d seconds", AWAY_SECONDS)
        current.retries_left = (current.retries_left or 0) + 1
        current.retry_intervals = current.retry_intervals or [AWAY_SECONDS]
        raise DatabaseAway

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Wake a worker once the present transaction is durable."""
        after_commit(lambda: self.enqueue_now(*args, **kwargs))

    def enqueue_now(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Wake a worker at once; False when Redis is away (a sweeper will do it later)."""
        retry = Retry(max=self.attempts - 1, interval=backoff_seconds(self.attempts - 1)) if self.attempts > 1 else None
        try:
            queue_named(self.queue).enqueue_call(
                self.name,
                args=args,
                kwargs=kwargs,
                timeout=self.timeout,
                retry=retry,
                result_ttl=0,
                failure_ttl=604800,
                meta={CLINIC: self._clinic_of(*args, **kwargs)},
            )
        except RedisError:
            log.warning("job %s could not be queued; the sweeper will find its row", self.name)
            return False
        return True

    def queued_fields(self) -> dict[str, Any]:
        """The hash that RQ keeps of this job without arguments once it is queued: everybody's, tried once.

        For whoever queues it together with something else, in one command to Redis.
        """
        made = RqJob.create(
            self.name,
            connection=redis_connection(),
            timeout=self.timeout,
            result_ttl=0,
            failure_ttl=604800,
            status=JobStatus.QUEUED,
            origin=f"{self.queue}-queue",
            meta={CLINIC: None},
        )
        made.enqueued_at = made.created_at
        fields: dict[str, Any] = made.to_dict()
        return fields

    def _clinic_of(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Whose work it is: the clinic that the job is told, else the one in scope; None for everybody's."""
        told = self._signature.bind_partial(*args, **kwargs).arguments.get(CLINIC)
        return str(told) if told else current_clinic_id()


def clinic_of(job: RqJob) -> str | None:
    """Whose work a queued job is; None for everybody's."""
    found = job.get_meta(refresh=False).get(CLINIC)
    return str(found) if found else None


JOBS: dict[str, Job[Any, Any]] = {}


def job(
    queue: str, *, attempts: int | None = None, timeout: int = 60, every: int | None = None
) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Declare a job: its queue, attempts (else its queue's), time-out and, with `every`, its schedule, in seconds."""

    def declare(function: Callable[P, R]) -> Job[P, R]:
        declared = Job(function, queue, attempts or FEWER_ATTEMPTS.get(queue, ATTEMPTS), timeout, every)
        JOBS[declared.name] = declared
        return declared

    return declare


def oldest_wait(queue: Queue) -> float:
    """Seconds that the first job of the queue has waited; 0 for an empty one. Raises RedisError."""
    job = next(iter(queue.get_jobs(0, 1)), None)
    if job is None or job.enqueued_at is None:
        return 0.0
    since = job.enqueued_at if job.enqueued_at.tzinfo else job.enqueued_at.replace(tzinfo=UTC)
    return max(0.0, (datetime.now(UTC) - since).total_seconds())


def note_ended(queue: str, *, ok: bool, seconds: float) -> None:
    """Count a job that a worker has ended, for the figures and for the last hour's chart."""
    result = "done" if ok else "failed"
    JOB_SECONDS.observe(seconds, queue=queue, result=result)
    key = _minute_key(int(time.time() // 60))
    try:
        with redis_connection().pipeline(transaction=False) as pipe:
            pipe.hincrby(key, f"{queue}:{result}", 1)
            pipe.expire(key, 120 * HISTORY_MINUTES)
            pipe.execute()
    except RedisError:
        log.warning("an ended job could not be counted")


def ended_by_minute(minutes: int) -> list[tuple[int, dict[str, int]]]:
    """Ended jobs of each of the last minutes (since 1970), the oldest first. Raises RedisError."""
    now = int(time.time() // 60)
    wanted = range(now - minutes + 1, now + 1)
    with redis_connection().pipeline(transaction=False) as pipe:
        for minute in wanted:
            pipe.hgetall(_minute_key(minute))
        found = pipe.execute()
    return [
        (minute, {key.decode(): int(count) for key, count in counts.items()})
        for minute, counts in zip(wanted, found, strict=True)
    ]


def _minute_key(minute: int) -> str:
    return f"jobs:ended:{minute}"


def scheduled_jobs() -> list[Job[Any, Any]]:
    return [item for item in JOBS.values() if item.every]
