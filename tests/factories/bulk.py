"""Many visits that were held, written past the booking rules: a test of bulk work needs their number alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, inspect
from sqlalchemy.dialects.postgresql import Range

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.scheduling.models import Appointment
from tests.factories.scheduling import make_appointment

EVERY = timedelta(minutes=20)


def make_held_visits(count: int, doctor: Doctor, **overrides: Any) -> list[str]:
    """COMPLETED visits of one patient to a doctor, one after the other, the last an hour ago; their ids."""
    pattern = make_appointment(doctor, **overrides)
    columns = [column.key for column in inspect(Appointment).column_attrs]
    values = {name: getattr(pattern, name) for name in columns}
    last = clock.now() - timedelta(hours=1)
    rows = []
    for number in range(count):
        starts_at = last - EVERY * (count - number)
        ends_at = starts_at + timedelta(minutes=15)
        times = {"starts_at": starts_at, "ends_at": ends_at, "busy": Range(starts_at, ends_at)}
        rows.append({**values, "id": new_id(), "status": "COMPLETED", **times})
    with unit_of_work():
        db.session.execute(insert(Appointment), rows)
    return [row["id"] for row in rows]
