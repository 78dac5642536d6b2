"""Runs what stands in a queue of Redis, in this process, as a worker would."""

from __future__ import annotations

from app.core.jobs import queue_named
from app.core.tenant import Scope, current_scope, enter_scope, leave_scope


def run_jobs(queue: str = "payment") -> int:
    """How many ran. A job that fails fails the test. None of them finds the test's clinic or session in scope."""
    ran = 0
    waiting = queue_named(queue)
    while waiting.count:
        job = waiting.get_jobs(0, 1)[0]
        waiting.remove(job)
        enter_scope(Scope(parent=current_scope()))
        try:
            job.perform()
        finally:
            leave_scope()
        ran += 1
    return ran
