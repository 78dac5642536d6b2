"""Booking through the API, against the same rows inserted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import psycopg

from bench import client
from bench.data import SLOTS_A_DAY, connection_arguments
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.house import OPENS
from bench.installation import Installation
from bench.processes import Running, beside

PATH = "/api/v1/appointments"
SMALLEST_SHARE = 0.4
LONGEST_MS = 40
CLIENTS = 16
ZONE = ZoneInfo("Asia/Kolkata")
PATIENTS = 1000


class Slots:
    """Bodies of bookings, each for a slot that nobody has taken. Threads may share one."""

    def __init__(self, installation: Installation) -> None:
        with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
            latest = connection.execute("select max(starts_at) from appointment").fetchone()
            rows = connection.execute("select id::text from patient limit %s", (PATIENTS,)).fetchall()
        self._first = (latest[0].astimezone(ZONE) if latest else datetime.now(ZONE)).date() + timedelta(days=1)
        self._patients = [row[0] for row in rows]
        self._doctors = installation.house.doctor_ids
        self._numbers: Iterator[int] = count()

    def body(self) -> bytes:
        number = next(self._numbers)
        place, doctor = divmod(number, len(self._doctors))
        day, slot = divmod(place, SLOTS_A_DAY)
        return orjson.dumps(
            {
                "patientId": self._patients[number % len(self._patients)],
                "doctorId": self._doctors[doctor],
                "type": "IN_PERSON",
                "startsAt": _moment(self._first + timedelta(days=day), slot),
            }
        )


def _moment(day: date, slot: int) -> str:
    return (datetime.combine(day, OPENS, ZONE) + timedelta(minutes=15 * slot)).isoformat()


def booking(installation: Installation, effort: Effort) -> list[Figure]:
    house = installation.house
    environment = {
        **installation.environment,
        "BENCH_CLINIC": house.clinic_id,
        "BENCH_LOCATION": house.location_id,
    }
    slots = Slots(installation)
    headers = {"Content-Type": "application/json", **house.logins["RECEPTIONIST"].bearer()}
    with beside("bench.bare:create_app()", environment, installation.directory) as (ours, theirs):
        sides: tuple[Any, Any] = ((ours, PATH, headers), (theirs, "/appointments", {}))
        for side in sides:
            _rate(*side, slots, effort, effort.warm_up_seconds)
        alone = [1000 * each for each in _one_by_one(ours, headers, slots, effort)]
        ratio, mine, other = side_by_side(
            lambda: _rate(*sides[0], slots, effort), lambda: _rate(*sides[1], slots, effort), effort.rounds
        )
    detail = f"{mine:.0f} bookings/s, bare {other:.0f}"
    took = f"median {percentile(alone, 0.5):.1f} ms, one after the other"
    what = f"bookings through the API / by hand, {CLIENTS} clients"
    return [
        Figure("booking", "a booking through the API, p95", percentile(alone, 0.95), "ms", "<", LONGEST_MS, took),
        Figure("booking", what, ratio, "×", ">=", SMALLEST_SHARE, detail),
    ]


def _one_by_one(side: Running, headers: dict[str, str], slots: Slots, effort: Effort) -> list[float]:
    asked = (client.request("POST", PATH, headers, slots.body()) for _ in range(effort.requests))
    return client.timed(side.port, asked, (201,))


def _rate(
    side: Running, path: str, headers: dict[str, str], slots: Slots, effort: Effort, seconds: float | None = None
) -> float:
    def make(_number: int) -> bytes:
        return client.request("POST", path, headers, slots.body())

    return client.run(side.port, make, clients=CLIENTS, seconds=seconds or effort.seconds).per_second
