"""Whoever changes a doctor's time does so in turn: nobody acts on a diary that somebody else is writing in."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment
from app.scheduling.services import SlotTaken, add_leave, book_appointment
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

PATIENCE_SECONDS = 60
WAITING = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")


@pytest.fixture
def beside(app: Any, clinic: Any) -> Callable[[Callable[[], Any]], tuple[Thread, list[Any]]]:
    """Do something in a transaction of its own, on a thread; what came of it is told at its end."""

    def start(deed: Callable[[], Any]) -> tuple[Thread, list[Any]]:
        told: list[Any] = []

        def run() -> None:
            with app.app_context(), tenant_scope(clinic.id):
                try:
                    with unit_of_work():
                        told.append(deed())
                except SlotTaken as refusal:
                    told.append(refusal.code)

        thread = Thread(target=run)
        thread.start()
        return thread, told

    return start


def until_it_waits() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not db.session.scalar(WAITING):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.02)


def book(doctor: Any, patient: Any) -> Appointment:
    moment = local(tomorrow())
    return book_appointment(patient_id=patient.id, doctor_id=doctor.id, type="IN_PERSON", starts_at=moment)


def test_who_takes_leave_sees_the_visit_that_was_being_booked(beside: Any) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    begins, ends, doctor_id = local(tomorrow(), 0), local(tomorrow(), 23), doctor.id

    def take_leave() -> int:
        add_leave(doctor_id, begins, ends)
        return int(db.session.scalar(select(func.count()).where(Appointment.doctor_id == doctor_id)) or 0)

    with unit_of_work():
        book(doctor, patient)
        thread, told = beside(take_leave)
        until_it_waits()
        assert told == []
    thread.join(PATIENCE_SECONDS)
    assert told == [1]


def test_who_books_sees_the_leave_that_was_being_taken(beside: Any) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    doctor_id, patient_id, moment = doctor.id, patient.id, local(tomorrow())

    def try_to_book() -> str:
        values = {"patient_id": patient_id, "doctor_id": doctor_id, "starts_at": moment}
        return book_appointment(type="IN_PERSON", **values).id

    with unit_of_work():
        add_leave(doctor_id, local(tomorrow(), 0), local(tomorrow(), 23))
        thread, told = beside(try_to_book)
        until_it_waits()
    thread.join(PATIENCE_SECONDS)
    assert told == ["SLOT_TAKEN"]


def test_a_visit_that_is_confirmed_where_it_was_booked_waits_for_nobody(beside: Any) -> None:
    """In the constraint the two would wait for each other, and one would die of it after a second."""
    doctor, patient = make_open_doctor(), make_patient()
    doctor_id, patient_id, moment = doctor.id, patient.id, local(tomorrow())

    def try_to_book() -> str:
        values = {"patient_id": patient_id, "doctor_id": doctor_id, "starts_at": moment}
        return book_appointment(type="IN_PERSON", **values).id

    with unit_of_work():
        visit = book(doctor, patient)
        thread, told = beside(try_to_book)
        until_it_waits()
        visit.become("CONFIRMED")
        db.session.flush()
    thread.join(PATIENCE_SECONDS)
    assert told == ["SLOT_TAKEN"]
    assert db.session.scalars(select(Appointment.status)).all() == ["CONFIRMED"]
