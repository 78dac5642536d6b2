"""From an event to its listener: how long, how many, against empty jobs of bare RQ, and what publishing costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rq import Queue

from bench import client
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.installation import Installation
from bench.orders import nothing_left_to_do
from bench.processes import program, web
from bench.told import TOLD, UNTOLD

LONGEST_MS, LEAST_A_SECOND, SMALLEST_SHARE, DEAREST_MS = 100, 300, 0.5, 1.0
EVENTS_A_REQUEST = 15  # of the usual effort: 3,000 in a round
AT_ONCE = 100
PATIENCE_SECONDS = 60


def events(installation: Installation, effort: Effort) -> list[Figure]:
    directory, environment = installation.directory, installation.environment
    many = effort.requests * EVENTS_A_REQUEST
    with (
        nothing_left_to_do(installation),
        installation.app.app_context(),
        program(["-m", "bench.bell", "relay"], environment, directory / "relay.log"),
        program(["-m", "bench.bell", "bare"], environment, directory / "bare_rq.log"),
    ):
        clinic_id = installation.house.clinic_id
        _ring(clinic_id)
        _bare_jobs(10)
        waits = [_ring(clinic_id) for _ in range(effort.requests)]
        cost = _cost_of_publishing(installation, effort.requests)
        ratio, mine, other = side_by_side(lambda: _hum(clinic_id, many), lambda: _bare_jobs(many), effort.rounds)
    usual = f"median {percentile(waits, 0.5):.1f} ms, one at a time, until the listener's commit is told"
    return [
        Figure("events", "event to its listener finished, p95", percentile(waits, 0.95), "ms", "<", LONGEST_MS, usual),
        Figure("events", "events handled by one worker", mine, "events/s", ">=", LEAST_A_SECOND, f"{many:,} a round"),
        Figure("events", "events handled / empty jobs of bare RQ", ratio, "×", ">=", SMALLEST_SHARE,
               f"{mine:.0f} events/s, bare {other:.0f} jobs/s"),
        Figure("events", "what publish() adds to a request", 1_000_000 * cost, "µs", "<", 1000 * DEAREST_MS,
               "median with an event that is heard, less the median without"),
    ]  # fmt: skip


def _ring(clinic_id: str) -> float:
    """Milliseconds from before publish() until the listener's work is durable."""
    from app.core.ids import new_id
    from app.core.jobs import waiting_connection
    from app.core.tenant import tenant_scope
    from app.core.transaction import unit_of_work
    from app.events.services import publish
    from bench.bell import ANSWERS, BellRang

    with waiting_connection() as redis, tenant_scope(clinic_id):
        bell_id, started = new_id(), time.perf_counter()
        with unit_of_work():
            publish(BellRang(bell_id=bell_id))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (heard := redis.brpop([ANSWERS], timeout=1)) is None or heard[1].decode() != bell_id:
            _check(deadline)
        return 1000 * (time.perf_counter() - started)


def _hum(clinic_id: str, many: int) -> float:
    """Events a second, from the first one published to the last one done."""
    from app.core.ids import new_id
    from app.core.tenant import tenant_scope
    from app.core.transaction import unit_of_work
    from app.events.services import publish_all
    from bench.bell import BellHummed

    started = time.perf_counter()
    with tenant_scope(clinic_id):
        for _start in range(0, many, AT_ONCE):
            with unit_of_work():
                publish_all([BellHummed(bell_id=new_id()) for _ in range(AT_ONCE)])
        _wait_until(lambda: _pending() == 0)
    return many / (time.perf_counter() - started)


def _pending() -> int:
    from sqlalchemy import func, select

    from app.core.tenant import db
    from app.core.transaction import unit_of_work
    from app.events.models import DeliveryStatus, EventDelivery

    with unit_of_work():
        waiting = select(func.count()).where(EventDelivery.status == DeliveryStatus.PENDING)
        return int(db.session.scalar(waiting) or 0)


def _bare_jobs(many: int) -> float:
    """Jobs a second, all queued before the clock starts."""
    from app.core.jobs import redis_connection
    from bench.bell import BARE_QUEUE

    queue = Queue(BARE_QUEUE, connection=redis_connection())
    calls = [Queue.prepare_data("bench.bell.nothing", result_ttl=0) for _ in range(many)]
    started = time.perf_counter()
    queue.enqueue_many(calls)
    _wait_until(lambda: not queue.count and not queue.started_job_registry.count)
    return many / (time.perf_counter() - started)


def _cost_of_publishing(installation: Installation, times: int) -> float:
    """Seconds, of a request that makes a change and tells of it less one that only makes it."""
    log = installation.directory / "told.log"
    headers = installation.house.logins["RECEPTIONIST"].bearer()
    told, untold = (client.request("POST", path, headers) for path in (TOLD, UNTOLD))
    with web("bench.told:create_app()", installation.environment, log) as running:
        client.timed(running.port, [told, untold] * 20)
        took = client.timed(running.port, [told, untold] * times)
    return percentile(took[::2], 0.5) - percentile(took[1::2], 0.5)


def _wait_until(met: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met():
        _check(deadline)
        time.sleep(0.02)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError("the worker does not get on: see relay.log")
