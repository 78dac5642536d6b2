"""How many statements the hot paths send: a look-up that creeps in is seen here before it is felt.

A path may send fewer: then lower its number. BEGIN, which brings the clinic, the doctor's turn and its savepoint, and
COMMIT are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, make_room, tomorrow
from tests.statements import recorded_statements

pytestmark = pytest.mark.usefixtures("in_clinic")

BOOKING = 5
LIST = 1


def booking(doctor: Any, patient: Any, hour: int) -> dict[str, Any]:
    moment = local(tomorrow(), hour).isoformat()
    return {"doctorId": doctor.id, "patientId": patient.id, "type": "IN_PERSON", "startsAt": moment}


def test_a_booking(caller: Callable[..., Any]) -> None:
    doctor, patient, desk = make_open_doctor(), make_patient(), caller("RECEPTIONIST")
    assert desk.post("/appointments", json=booking(doctor, patient, 10)).status_code == 201
    wanted = booking(doctor, patient, 11)
    with recorded_statements() as sent:
        assert desk.post("/appointments", json=wanted).status_code == 201
    assert len(sent) <= BOOKING, "\n".join(sent)


def test_a_booking_with_a_room_and_a_hold_of_ones_own(caller: Callable[..., Any]) -> None:
    location, patient, desk = make_location(), make_patient(), caller("RECEPTIONIST")
    room_id = make_room(location).id
    doctor = make_open_doctor(location, default_room_id=room_id)
    assert desk.post("/appointments", json=booking(doctor, patient, 10)).status_code == 201
    wanted = booking(doctor, patient, 11)
    assert desk.post("/slot-holds", json=wanted).status_code == 201
    with recorded_statements() as sent:
        assert desk.post("/appointments", json=wanted).json["roomId"] == room_id
    assert len(sent) <= BOOKING + 1, "\n".join(sent)
    assert "slot_hold" in sent[-3]


def test_a_list(caller: Callable[..., Any]) -> None:
    desk = caller("RECEPTIONIST")
    for _ in range(3):
        make_appointment()
    assert len(desk.get("/appointments").json["items"]) == 3
    with recorded_statements() as sent:
        assert len(desk.get("/appointments?limit=2").json["items"]) == 2
    assert len(sent) <= LIST, "\n".join(sent)
