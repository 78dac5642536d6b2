"""The doctor's screen: calling, starting, completing, and nobody else's patients."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import QueueToken
from app.queueing.services import arrive, call_next
from app.scheduling.models import Appointment
from tests.desk.conftest import Screen, times_today, words
from tests.factories.billing import make_priced_doctor
from tests.factories.scheduling import begin_now, make_appointment


@pytest.fixture
def surgery(screen_of: Any, doctor: Doctor) -> Screen:
    """The doctor's own screen."""
    screen: Screen = screen_of("DOCTOR", doctor_id=doctor.id)
    return screen


@pytest.fixture
def token(visit: Appointment) -> QueueToken:
    """The visit's patient waits."""
    with unit_of_work():
        return arrive(visit.id)[1]


def statuses(token: QueueToken) -> tuple[str, str]:
    db.session.expire_all()
    row = db.session.execute(
        select(Appointment.status, QueueToken.status)
        .join(QueueToken, QueueToken.appointment_id == Appointment.id)
        .where(QueueToken.id == token.id)
    ).one()
    return row[0], row[1]


def test_the_day_shows_own_visits_and_the_queue(surgery: Screen, visit: Appointment, token: QueueToken) -> None:
    other = make_appointment(make_priced_doctor(first_name="Vikram", last_name="Sen"))
    page = words(surgery.page("/my-day/"))
    assert "Dr Anita Rao" in page
    assert visit.patient.name in page
    assert token.number in page
    assert "1 patient waits." in page
    assert other.patient.name not in page or other.patient.name == visit.patient.name


def test_a_patient_is_called_started_and_completed(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    called = surgery.send(f"/my-day/{doctor.id}/call-next")
    assert statuses(token) == ("CHECKED_IN", "CALLED")
    assert "Start" in words(called) and "Complete" not in words(called)
    started = surgery.send(f"/my-day/tokens/{token.id}/start")
    assert statuses(token) == ("IN_PROGRESS", "SERVING")
    assert "Complete" in words(started)
    completed = surgery.send(f"/my-day/visits/{token.appointment_id}/complete")
    assert statuses(token) == ("COMPLETED", "SERVED")
    assert "Nobody is in the room" in words(completed)
    assert db.session.scalars(select(Invoice.status)).all() == ["OPEN"]


def test_a_patient_who_does_not_come_is_skipped_and_recalled(
    surgery: Screen, doctor: Doctor, token: QueueToken
) -> None:
    surgery.send(f"/my-day/{doctor.id}/call-next")
    surgery.send(f"/my-day/tokens/{token.id}/skip")
    assert statuses(token)[1] == "SKIPPED"
    surgery.send(f"/my-day/tokens/{token.id}/recall")
    assert statuses(token)[1] == "CALLED"


def test_a_no_show_leaves_the_queue(surgery: Screen, doctor: Doctor, visit: Appointment, token: QueueToken) -> None:
    begin_now(visit)
    with unit_of_work():
        call_next(doctor.id)
    surgery.send(f"/my-day/visits/{visit.id}/no-show")
    assert statuses(token) == ("NO_SHOW", "LEFT")


def test_a_step_out_of_turn_is_refused_in_words(surgery: Screen, token: QueueToken) -> None:
    answer = surgery.send(f"/my-day/visits/{token.appointment_id}/complete")
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#problem"
    assert statuses(token) == ("CHECKED_IN", "WAITING")


def test_another_doctors_patients_are_not_found(screen_of: Any, doctor: Doctor, token: QueueToken) -> None:
    stranger = make_priced_doctor(first_name="Vikram", last_name="Sen")
    screen = screen_of("DOCTOR", doctor_id=stranger.id)
    assert screen.piece(f"/my-day/{doctor.id}/now").status_code == 404
    assert screen.piece(f"/my-day/{doctor.id}/visits").status_code == 404
    for path in (
        f"/my-day/{doctor.id}/call-next",
        f"/my-day/tokens/{token.id}/start",
        f"/my-day/visits/{token.appointment_id}/start",
    ):
        assert screen.send(path).status_code == 404
    assert statuses(token) == ("CHECKED_IN", "WAITING")


def test_an_administrator_chooses_whose_day(screen_of: Any, doctor: Doctor, visit: Appointment) -> None:
    other = make_priced_doctor(first_name="Vikram", last_name="Sen")
    admin = screen_of("CLINIC_ADMIN")
    assert visit.patient.name in words(admin.page(f"/my-day/?doctor={doctor.id}"))
    assert visit.patient.name not in words(admin.page(f"/my-day/?doctor={other.id}"))


def test_a_doctor_without_a_record_is_told_so(screen_of: Any) -> None:
    assert "not linked to a doctor" in words(screen_of("DOCTOR").page("/my-day/"))


@pytest.mark.parametrize("role", ["RECEPTIONIST", "NURSE", "PATIENT", "FINANCE_BILLING"])
def test_the_day_is_the_doctors(screen_of: Any, doctor: Doctor, role: str) -> None:
    assert screen_of(role).page("/my-day/").status_code == 403
    assert screen_of(role).send(f"/my-day/{doctor.id}/call-next").status_code == 403


def test_times_today_are_the_doctors(doctor: Doctor, visit: Appointment) -> None:
    """The fixtures' own ground: the visit took the first free time."""
    assert visit.starts_at not in times_today(doctor)
