"""Taking in webhooks, against a bare route that inserts one row and commits; and how long while a worker is busy."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from bench import client
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.installation import Installation
from bench.orders import GATEWAY, nothing_left_to_do, notice, open_orders
from bench.processes import Running, beside, worker

SMALLEST_SHARE = 0.5
LONGEST_MS = 50
# Enough that the worker moves money all the time; each is paid once and told of again and again.
MOST_ORDERS = 500
# One a time at the pace of a busy gateway: how long an answer takes, not how many fit into a second.
PATIENT_CLIENTS = 2


def intake(installation: Installation, effort: Effort) -> list[Figure]:
    environment = {**installation.environment, "BENCH_CLINIC": installation.house.clinic_id}
    path = f"/api/payments/{GATEWAY}/webhook?clinicId={installation.house.clinic_id}"
    with (
        nothing_left_to_do(installation),
        beside("bench.bare:create_app()", environment, installation.directory) as (ours, theirs),
    ):
        orders = cycle(open_orders(installation, min(MOST_ORDERS, 2 * effort.requests)))
        sides: tuple[Any, Any] = ((ours, path, orders), (theirs, "/hooks", orders))
        for side in sides:
            _load(*side, effort.clients, effort.warm_up_seconds)
        ratio, mine, other = side_by_side(
            lambda: _load(*sides[0], effort.clients, effort.seconds).per_second,
            lambda: _load(*sides[1], effort.clients, effort.seconds).per_second,
            effort.rounds,
        )
        # What has come in keeps the worker busy for longer than that takes.
        with worker(["work"], installation.environment, installation.directory):
            answers = _load(*sides[0], PATIENT_CLIENTS, 2 * effort.seconds).latencies
    milliseconds = [1000 * seconds for seconds in answers]
    usual = f"median {percentile(milliseconds, 0.5):.1f} ms, {PATIENT_CLIENTS} at a time, a worker processing them"
    return [
        Figure(
            "intake", "webhooks taken in / a row inserted by a bare route", ratio, "×", ">=", SMALLEST_SHARE,
            f"{mine:.0f} webhooks/s, bare {other:.0f}",
        ),
        Figure(
            "intake", "answer to a webhook, p95", percentile(milliseconds, 0.95), "ms", "<", LONGEST_MS, usual,
        ),
    ]  # fmt: skip


def _load(side: Running, path: str, orders: Any, clients: int, seconds: float) -> client.Result:
    def make(_number: int) -> bytes:
        told = notice(next(orders))
        return client.request("POST", path, {"Content-Type": "application/json", **told.headers}, told.raw)

    return client.run(side.port, make, clients=clients, seconds=seconds)
