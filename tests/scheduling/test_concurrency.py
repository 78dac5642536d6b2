"""Many desks at once, over real HTTP and real connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from app.core.tenant import db
from app.scheduling.models import HOLDING, Appointment
from tests.factories.access import bearer, make_member
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_location, make_open_doctor, make_room, tomorrow
from tests.live_server import running_server

pytestmark = pytest.mark.usefixtures("in_clinic")

DESKS = 40
BOOKINGS = 200


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    with running_server(app) as address:
        yield address


def book_at_once(address: str, clinic_id: str, bodies: list[dict[str, Any]]) -> list[requests.Response]:
    """Send all bookings from as many desks as there are, all starting together."""
    headers = bearer(make_member(clinic_id, "RECEPTIONIST"), clinic_id)
    start = Barrier(DESKS)

    def desk(number: int) -> list[requests.Response]:
        with requests.Session() as session:
            start.wait()
            mine = bodies[number::DESKS]
            return [session.post(f"{address}/api/v1/appointments", json=body, headers=headers) for body in mine]

    with ThreadPoolExecutor(DESKS) as pool:
        return [answer for answers in pool.map(desk, range(DESKS)) for answer in answers]


def wanted(doctor: Any, patient: Any) -> dict[str, Any]:
    moment = local(tomorrow()).isoformat()
    return {"doctorId": doctor.id, "patientId": patient.id, "type": "IN_PERSON", "startsAt": moment}


def holding(*doctors: Any) -> int:
    counted = select(func.count()).where(
        Appointment.doctor_id.in_([doctor.id for doctor in doctors]), Appointment.status.in_(HOLDING)
    )
    return int(db.session.scalar(counted) or 0)


def test_of_two_hundred_bookings_of_one_slot_one_wins(clinic: Any, address: str) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    answers = book_at_once(address, clinic.id, [wanted(doctor, patient)] * BOOKINGS)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: BOOKINGS - 1}
    for answer in answers:
        if answer.status_code == 409:
            error = answer.json()["error"]
            free = [slot["startsAt"] for slot in error["alternatives"]]
            assert error["code"] == "SLOT_TAKEN"
            assert free == [local(tomorrow(), 10, minute).isoformat() for minute in (15, 30, 45)]
    assert holding(doctor) == 1


def test_of_many_bookings_of_one_room_one_wins(clinic: Any, address: str) -> None:
    location = make_location()
    room = make_room(location)
    doctors = [make_open_doctor(location, default_room_id=room.id) for _ in range(10)]
    patient = make_patient()
    answers = book_at_once(address, clinic.id, [wanted(doctors[n % 10], patient) for n in range(80)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 79}
    assert holding(*doctors) == 1


def test_a_group_gets_exactly_as_many_as_it_has_seats(clinic: Any, address: str) -> None:
    doctor = make_open_doctor(hours={"capacity": 7, "slot_minutes": 60, "closes": "23:00"})
    answers = book_at_once(address, clinic.id, [wanted(doctor, make_patient())] * 60)
    assert Counter(answer.status_code for answer in answers) == {201: 7, 409: 53}
    assert holding(doctor) == 7
