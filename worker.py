"""Background processes: `python worker.py work [--forking] [queue ...]` and `python worker.py cron`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from importlib import import_module
from typing import Any

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.cron import CronScheduler
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from app import create_app
from app.core.jobs import HEAVY_QUEUES, LIGHT_QUEUES, QUEUES, note_ended, scheduled_jobs, waiting_connection
from app.core.redis_wait import place_of, wait_for_redis
from config import MissingSetting

log = logging.getLogger("worker")


# What forks would otherwise import anew for every document: more than a second each.
PRELOADED = ("app.billing.documents.invoice", "app.billing.documents.receipt")


class OurWays:
    """Each job has an application context of its own: what `g` keeps (a clinic's settings, its zone) is one job's.

    A request to stop is remembered. RQ raises it where the worker happens to be, and logging keeps to itself what is
    raised while it writes: a worker that just said that Redis is away would never have heard of it.
    """

    def _shutdown(self) -> None:
        self._stop_requested = True
        super()._shutdown()  # type: ignore[misc]

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Before each look for a job, too."""
        if self._stop_requested and self.get_state() != WorkerStatus.BUSY:  # type: ignore[attr-defined]
            raise StopRequested
        super().heartbeat(*args, **kwargs)  # type: ignore[misc]

    def perform_job(self, job: Any, queue: Any) -> Any:
        started = time.perf_counter()
        with current_app.app_context():
            ok = super().perform_job(job, queue)  # type: ignore[misc]
        note_ended(queue.name.removesuffix("-queue"), ok=bool(ok), seconds=time.perf_counter() - started)
        return ok


class LightWorker(OurWays, SimpleWorker):
    """For short jobs, in this process."""


class HeavyWorker(OurWays, Worker):
    """For heavy jobs, each in a fork."""


def work(queues: list[str], *, forking: bool, burst: bool = False) -> None:
    """Short jobs run in this process (DESIGN 2: 243 against 50 jobs/s); heavy ones in a fork that may grow and die."""
    names = queues or (HEAVY_QUEUES if forking else LIGHT_QUEUES)
    if forking:
        for module in PRELOADED:
            import_module(module)
    worker_class = HeavyWorker if forking else LightWorker
    connection = waiting_connection()
    wait_for_redis(connection)
    worker = worker_class([Queue(f"{name}-queue", connection=connection) for name in names], connection=connection)
    worker.work(with_scheduler=True, burst=burst, logging_level="WARNING")


class Scheduler(CronScheduler):
    """Knows that it was asked to stop, even where Redis is not there to hear its farewell."""

    stopping = False

    def _request_stop(self, signum: int, frame: Any) -> None:
        self.stopping = True
        super()._request_stop(signum, frame)


def cron() -> None:
    """Queue every scheduled job when it is due. It outlives Redis: while that is away nothing can be queued."""
    connection = waiting_connection()
    while True:
        wait_for_redis(connection)
        scheduler = _scheduler(connection)
        try:
            return scheduler.start()
        except RedisError:
            if scheduler.stopping:
                return None


def _scheduler(connection: Redis) -> Scheduler:
    scheduler = Scheduler(connection=connection, logging_level="WARNING")
    for item in scheduled_jobs():
        # A wake-up that nobody took within two intervals is worthless: idle queues must not fill while no worker runs.
        scheduler.register(
            item.function,
            f"{item.queue}-queue",
            interval=item.every,
            job_timeout=item.timeout,
            result_ttl=0,
            ttl=2 * (item.every or 1),
            failure_ttl=3600,
        )
    return scheduler


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    working = commands.add_parser("work", help="run jobs")
    working.add_argument("queues", nargs="*", choices=[[], *QUEUES], metavar="queue")
    working.add_argument("--forking", action="store_true", help="run each job in a fork: for heavy queues")
    working.add_argument("--burst", action="store_true", help="stop when the queues are empty")
    commands.add_parser("cron", help="queue scheduled jobs when they are due")
    options = parser.parse_args(arguments)
    try:
        app = create_app(edges=False)
    except MissingSetting as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with app.app_context():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    """The exit status: 2 where a person has to change a setting, 1 where it is enough to start again."""
    try:
        if options.command == "work":
            work(options.queues, forking=options.forking, burst=options.burst)
        else:
            cron()
    except MissingSetting as error:
        print(error, file=sys.stderr)
        return 2
    except RedisError as error:
        log.error("Redis at %s went away (%s)", place_of(waiting_connection()), type(error).__name__)
        return 1
    except StopRequested:  # the scheduler, while it waits for Redis once more
        return 0
    except KeyboardInterrupt:  # while it waits: RQ has its own way later
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
