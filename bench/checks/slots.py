"""A doctor's free slots of two weeks in full diaries, against the same answer as one hand-written statement."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

import orjson

from bench import client
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.installation import Installation
from bench.processes import Running, beside
from bench.schedule import Schedule, open_schedule

DAYS = 14
LONGEST_MS = 15
SMALLEST_SHARE = 0.5
ASKED_DOCTORS = 10


def slots(installation: Installation, effort: Effort) -> list[Figure]:
    schedule = open_schedule(installation, installation.sizes.diaries)
    bearer = schedule.house.logins["RECEPTIONIST"].bearer()
    environment = {**installation.environment, "BENCH_CLINIC": schedule.house.clinic_id}
    asked = [client.request("GET", path, bearer) for path in _paths(schedule, "/api/v1/doctors/{}/slots?")]
    bare = [client.request("GET", path) for path in _paths(schedule, "/slots?doctor={}&")]
    with beside("bench.bare:create_app()", environment, installation.directory) as (ours, theirs):
        found = _same_answers(ours, asked, theirs, bare)
        for side, raws in ((ours, asked), (theirs, bare)):
            _rate(side, raws, effort, effort.warm_up_seconds)
        milliseconds = [1000 * each for each in client.timed(ours.port, islice(cycle(asked), 2 * effort.requests))]
        ratio, mine, other = side_by_side(
            lambda: _rate(ours, asked, effort), lambda: _rate(theirs, bare, effort), effort.rounds
        )
    what = f"free slots of {DAYS} days at {schedule.appointments:,} appointments"
    took = f"median {percentile(milliseconds, 0.5):.1f} ms, {found} slots; loaded in {schedule.load_seconds:.0f} s"
    rates = f"{mine:.0f} requests/s, bare {other:.0f}"
    return [
        Figure("slots", f"{what}, p95", percentile(milliseconds, 0.95), "ms", "<", LONGEST_MS, took),
        Figure("slots", "free slots / hand-written SQL", ratio, "×", ">=", SMALLEST_SHARE, rates),
    ]


def _paths(schedule: Schedule, pattern: str) -> list[str]:
    doctors = schedule.house.doctor_ids[:ASKED_DOCTORS]
    return [f"{pattern.format(doctor_id)}days={DAYS}&type=IN_PERSON" for doctor_id in doctors]


def _same_answers(ours: Running, asked: list[bytes], theirs: Running, bare: list[bytes]) -> int:
    """How many slots the first answer has. Raises RuntimeError where the sides differ: then no ratio means anything."""
    found: list[Any] = []
    for mine, other in zip(asked, bare, strict=True):
        found.append(_times(ours, mine))
        if found[-1] != _times(theirs, other):
            raise RuntimeError("the hand-written statement finds other slots")
    return len(found[0])


def _times(side: Running, raw: bytes) -> list[str]:
    status, body = client.once(side.port, raw)
    if status != 200:
        raise RuntimeError(f"{status}: {body[:300]!r}")
    return [item["startsAt"] for item in orjson.loads(body)["items"]]


def _rate(side: Running, raws: list[bytes], effort: Effort, seconds: float | None = None) -> float:
    """Requests a second from several clients, each about another doctor."""

    def make(number: int) -> bytes:
        return raws[number % len(raws)]

    return client.run(side.port, make, clients=effort.clients, seconds=seconds or effort.seconds).per_second
