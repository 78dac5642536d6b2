"""Hot questions are answered from an index, behind row-level security, once there are many visits (OPS-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import RawCursor
from sqlalchemy import Connection, create_engine, text

from app.core.kept import driver_of
from app.core.row_security import APP_ROLE
from app.core.tenant import db
from app.scheduling.models import Appointment
from app.scheduling.queries import appointment_rows, slots
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import make_appointment, tomorrow
from tests.statements import recorded_statements, recorded_values

pytestmark = pytest.mark.usefixtures("in_clinic")

COPIES = text("""
    insert into appointment (
        id, clinic_id, patient_id, doctor_id, location_id, type, status, starts_at, ends_at, busy, seats, overbooked,
        overbook_reason, notes, booked_by_patient, cancelled_note, created_at, updated_at)
    select gen_random_uuid(), a.clinic_id, p.id, d.id, a.location_id, a.type, 'COMPLETED', begins, ends,
           tstzrange(begins, ends), a.seats, false, '', '', false, '', begins, begins
    from (select * from appointment where id = :id) a,
         (select id, row_number() over () n from patient where clinic_id = :clinic) p,
         (select id, row_number() over () n from doctor where clinic_id = :clinic) d,
         generate_series(1, 80) number,
         lateral (select a.starts_at - (number * 4 + d.n + p.n * 400) * interval '15 minutes' begins) t,
         lateral (select begins + interval '15 minutes' ends) u
""")


@pytest.fixture
def crowded(app: Any) -> Iterator[tuple[Connection, Appointment]]:
    """A connection, as the application's, on which the clinic has 8,000 past visits; all is rolled back."""
    visit = make_appointment()
    for _ in range(9):
        make_doctor()
        make_patient()
    engine = create_engine(db.engine.url)
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(COPIES, {"id": visit.id, "clinic": visit.clinic_id})
        connection.execute(text("analyze appointment, doctor, patient"))
        connection.execute(text(f"set local role {APP_ROLE}"))
        connection.execute(text("select set_config('app.clinic_id', :clinic, true)"), {"clinic": visit.clinic_id})
        yield connection, visit
        transaction.rollback()
    engine.dispose()


def plan_of(connection: Connection, statement: Any) -> str:
    sql = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    return "\n".join(connection.exec_driver_sql(f"explain {sql}".replace("%", "%%")).scalars())


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("day", "ix_appointment_clinic_start"),
        ("doctor", "ix_appointment_doctor_time"),
        ("patient", "ix_appointment_patient_"),
    ],
)
def test_lists_of_visits_use_their_index(crowded: tuple[Connection, Appointment], asked: str, index: str) -> None:
    connection, visit = crowded
    day = tomorrow()
    wanted = {
        "day": appointment_rows(first=day, last=day),
        "doctor": appointment_rows(first=day, doctor_id=visit.doctor_id),
        "patient": appointment_rows(patient_id=visit.patient_id, statuses=("CONFIRMED",)),
    }[asked]
    plan = plan_of(connection, wanted.filled().order_by(Appointment.starts_at, Appointment.id).limit(21))
    assert index in plan, plan
    assert "Seq Scan on appointment" not in plan


@pytest.mark.parametrize("days", [1, 14])
def test_slots_are_found_by_doctor_and_time_in_one_query(
    crowded: tuple[Connection, Appointment], in_clinic: Any, days: int
) -> None:
    """What the session sends, planned as the application's role: all hours and all that is taken, by their indexes."""
    connection, visit = crowded
    with recorded_statements() as sent, recorded_values() as values:
        slots(visit.doctor_id, tomorrow(), days, "IN_PERSON")
    assert len(sent) == 1, "\n".join(sent)
    with RawCursor(driver_of(connection)) as cursor:
        plan = "\n".join(row[0] for row in cursor.execute(f"explain {sent[0]}", values[0]))
    assert "ix_appointment_doctor_time" in plan, plan
    assert "ix_appointment_room_time" in plan, plan
    assert "Seq Scan on appointment" not in plan
