"""A second clinic whose diaries are full: 5,000,000 appointments, made inside the database.

The first clinic's lists stay as they are; the table is one. Kept for the next run, as the first clinic is.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from bench.data import bare_tables, connection_arguments, fill_diaries, fill_patients
from bench.house import House, Login, build_house
from bench.installation import Installation

KEPT = "schedule.json"
DOCTORS = 50
PATIENTS = 1000


@dataclass(frozen=True)
class Schedule:
    """`load_seconds`: of the loader."""

    house: House
    appointments: int
    load_seconds: float


def open_schedule(installation: Installation, appointments: int) -> Schedule:
    """The full diaries, loaded unless they are there already."""
    path = installation.directory / KEPT
    wanted = {"appointments": appointments, "loaded": installation.house.clinic_id}
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("wanted") != wanted:
        path.unlink(missing_ok=True)
        known = {"wanted": wanted, **_load(installation, appointments)}
        path.write_text(json.dumps(known))
    house = {**known["house"], "logins": {role: Login(**login) for role, login in known["house"]["logins"].items()}}
    return Schedule(House(**house), appointments, known["load_seconds"])


def _load(installation: Installation, appointments: int) -> dict[str, Any]:
    with installation.app.app_context():
        house = build_house(DOCTORS, f"schedule-{time.time_ns()}")
    print(f"Loading {appointments:,} more appointments ...", flush=True)
    started = time.perf_counter()
    url = installation.database_url
    with psycopg.connect(**connection_arguments(url)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set maintenance_work_mem = '1GB'")
        with bare_tables(connection, ("appointment",)):
            fill_patients(connection, house.clinic_id, PATIENTS)
            fill_diaries(connection, house.clinic_id, house.location_id, house.doctor_ids, appointments)
    with psycopg.connect(**connection_arguments(url), autocommit=True) as connection:
        connection.execute("vacuum analyze appointment")
    return {"house": asdict(house), "load_seconds": time.perf_counter() - started}
