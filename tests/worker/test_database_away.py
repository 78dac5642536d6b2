"""A database that does not answer for a while leaves no dead jobs, which a person would have to look through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rq import Queue, Retry
from sqlalchemy.exc import OperationalError

from app.core.jobs import AWAY_SECONDS, queue_named
from tests.worker import jobs
from worker import work


@pytest.fixture
def queue(app_context: Any) -> Iterator[Queue]:
    found = queue_named("event")
    found.empty()
    yield found
    for registry in (found.scheduled_job_registry, found.failed_job_registry):
        for job_id in registry.get_job_ids():
            registry.remove(job_id, delete_job=True)


def counts(queue: Queue) -> tuple[int, int]:
    """Jobs that come again, and dead ones."""
    return queue.scheduled_job_registry.count, queue.failed_job_registry.count


@pytest.mark.parametrize(
    ("name", "retry"), [("ordered", None), ("tried_often", Retry(max=2, interval=[2, 8]))], ids=["once", "thrice"]
)
def test_a_job_comes_again_and_no_attempt_is_counted(queue: Queue, name: str, retry: Retry | None) -> None:
    queued = queue.enqueue_call(f"tests.worker.jobs.{name}", retry=retry)
    work(["event"], forking=False, burst=True)
    assert counts(queue) == (1, 0)
    queued.refresh()
    assert queued.retries_left == (2 if retry else 0)
    assert queued.retry_intervals == ([2, 8] if retry else [AWAY_SECONDS])


def test_a_schedule_comes_again_by_itself(queue: Queue) -> None:
    queue.enqueue_call("tests.worker.jobs.swept", result_ttl=0)
    work(["event"], forking=False, burst=True)
    assert counts(queue) == (0, 0)


def test_what_a_database_refuses_is_a_failure(queue: Queue) -> None:
    queue.enqueue_call("tests.worker.jobs.locked")
    work(["event"], forking=False, burst=True)
    assert counts(queue) == (0, 1)


def test_outside_a_worker_its_caller_is_told(app_context: Any) -> None:
    with pytest.raises(OperationalError):
        jobs.ordered()
