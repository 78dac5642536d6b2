"""Resident memory of the processes after they have worked."""

from __future__ import annotations

import time

import psycopg
from rq import Worker

from bench import client
from bench.checks.console import console_paths
from bench.checks.visits import PATH
from bench.data import connection_arguments
from bench.figures import Effort, Figure
from bench.installation import Installation
from bench.processes import Running, console, worker

WEB_MB, WORKER_MB = 220, 200
PATIENCE_SECONDS = 120
WAITING = "select count(*) from event_delivery where status = 'PENDING'"


def memory(installation: Installation, effort: Effort) -> list[Figure]:
    return [_of_web(installation, effort), *(_of_worker(installation, name) for name in ("light", "heavy"))]


def _of_web(installation: Installation, effort: Effort) -> Figure:
    """Every page of the console, then the API under load."""
    bearer = client.request("GET", PATH, installation.house.logins["RECEPTIONIST"].bearer())
    cookie = installation.house.logins["CLINIC_ADMIN"].cookie(installation.app)
    pages = [client.request("GET", path, cookie) for path in console_paths(installation)]
    with console(installation.environment, installation.directory) as running:
        at_start = running.memory()
        client.timed(running.port, pages * effort.page_rounds)
        client.run(running.port, lambda _: bearer, clients=effort.clients, seconds=effort.seconds)
        found = running.memory()
    detail = f"{at_start:.0f} MB before the first request; {len(pages)} pages and the API's list under load after it"
    return Figure("memory", "web process after the load", found, "MB", "<", WEB_MB, detail)


def _of_worker(installation: Installation, kind: str) -> Figure:
    """The worker of short jobs empties what bookings left to it; that of heavy ones forks for each of its jobs."""
    arguments = ["work"] if kind == "light" else ["work", "--forking"]
    with worker(arguments, installation.environment, installation.directory) as running:
        largest = _watch(installation, running)
    return Figure("memory", f"worker of {kind} jobs", largest, "MB", "<", WORKER_MB, "the largest while it worked")


def _watch(installation: Installation, running: Running) -> float:
    """The largest memory until the worker is ready and nothing waits any more, or until patience ends."""
    deadline, largest = time.monotonic() + PATIENCE_SECONDS, 0.0
    with psycopg.connect(**connection_arguments(installation.database_url), autocommit=True) as connection:
        while time.monotonic() < deadline:
            largest = max(largest, running.memory())
            row = connection.execute(WAITING).fetchone()
            if row is not None and row[0] == 0 and _is_ready(running):
                return max(largest, running.memory())
            time.sleep(0.2)
    raise TimeoutError(f"the worker left {row[0] if row else '?'} deliveries after {PATIENCE_SECONDS} s")


def _is_ready(running: Running) -> bool:
    """Whether the worker has said so in Redis."""
    from app.core.jobs import redis_connection

    return any(worker.pid == running.process.pid for worker in Worker.all(connection=redis_connection()))
