"""Workers on a thread: what stands in the queues is run while a test looks at a page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.core.jobs import QUEUES, queue_named

PAUSE_SECONDS = 0.05


class Working:
    """`failures` are the jobs that raised, by name."""

    def __init__(self) -> None:
        self.failures: list[str] = []


@contextmanager
def running_worker(app: Any) -> Iterator[Working]:
    """Runs the jobs of all queues, the most urgent first, until the block ends; fails the test if one of them did."""
    working, stop = Working(), threading.Event()

    def work() -> None:
        with app.app_context():
            while not stop.is_set():
                if not _run_one(working):
                    stop.wait(PAUSE_SECONDS)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield working
    finally:
        stop.set()
        thread.join(timeout=30)
    assert working.failures == []


def _run_one(working: Working) -> bool:
    waiting = next((queue for queue in map(queue_named, QUEUES) if queue.count), None)
    job = next(iter(waiting.get_jobs(0, 1)), None) if waiting else None
    if waiting is None or job is None:
        return False
    waiting.remove(job)
    try:
        job.perform()
    except Exception as error:
        working.failures.append(f"{job.func_name}: {error!r}")
    return True
