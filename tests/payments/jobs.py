"""Runs what stands in a queue of Redis, in this process, as a worker would."""

from __future__ import annotations

from app.core.jobs import queue_named


def run_jobs(queue: str = "payment") -> int:
    """How many ran. A job that fails fails the test."""
    ran = 0
    waiting = queue_named(queue)
    while waiting.count:
        job = waiting.get_jobs(0, 1)[0]
        waiting.remove(job)
        job.perform()
        ran += 1
    return ran
