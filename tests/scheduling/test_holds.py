"""Slots kept for somebody who fills a form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.tenant import db
from app.scheduling.jobs import sweep_slot_holds
from app.scheduling.models import SlotHold
from app.scheduling.queries import slots
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def wanted(doctor: Any, **more: Any) -> dict[str, Any]:
    return {"doctorId": doctor.id, "type": "IN_PERSON", "startsAt": local(tomorrow()).isoformat(), **more}


def is_offered(doctor: Any) -> bool:
    return local(tomorrow()) in {slot.starts_at for slot in slots(doctor.id, tomorrow(), 1, "IN_PERSON")}


def test_a_hold_keeps_others_away_but_not_its_owner(caller: Callable[..., Any]) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    one, other = caller("RECEPTIONIST"), caller("RECEPTIONIST")
    held = one.post("/slot-holds", json=wanted(doctor))
    assert held.status_code == 201, held.json
    assert not is_offered(doctor)
    booking = wanted(doctor, patientId=patient.id)
    assert other.post("/slot-holds", json=wanted(doctor)).json["error"]["code"] == "SLOT_TAKEN"
    assert other.post("/appointments", json=booking).json["error"]["code"] == "SLOT_TAKEN"
    assert one.post("/appointments", json=booking).status_code == 201
    assert db.session.scalar(select(func.count()).select_from(SlotHold)) == 0


def test_a_hold_ends_by_itself(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    held = caller("RECEPTIONIST").post("/slot-holds", json=wanted(doctor)).json
    with clock.travel(timedelta(minutes=5, seconds=1)):
        assert is_offered(doctor)
        assert caller("RECEPTIONIST").post("/slot-holds", json=wanted(doctor)).status_code == 201
        assert not is_offered(doctor)
    assert held["expiresAt"] > clock.now().isoformat()


def test_a_person_holds_one_slot_of_a_doctor(caller: Callable[..., Any]) -> None:
    doctor, receptionist = make_open_doctor(), caller("RECEPTIONIST")
    receptionist.post("/slot-holds", json=wanted(doctor))
    receptionist.post("/slot-holds", json=wanted(doctor, startsAt=local(tomorrow(), 11).isoformat()))
    assert is_offered(doctor)
    assert db.session.scalars(select(SlotHold.starts_at)).all() == [local(tomorrow(), 11)]


def test_only_its_owner_gives_a_hold_back(caller: Callable[..., Any]) -> None:
    doctor, one = make_open_doctor(), caller("RECEPTIONIST")
    held = one.post("/slot-holds", json=wanted(doctor)).json
    assert caller("RECEPTIONIST").delete(f"/slot-holds/{held['id']}").status_code == 404
    assert one.delete(f"/slot-holds/{held['id']}").status_code == 204
    assert is_offered(doctor)


def test_void_holds_are_swept(caller: Callable[..., Any]) -> None:
    caller("RECEPTIONIST").post("/slot-holds", json=wanted(make_open_doctor()))
    sweep_slot_holds()
    assert db.session.scalar(select(func.count()).select_from(SlotHold)) == 1
    with clock.travel(timedelta(minutes=6)):
        assert sweep_slot_holds() >= 1
    assert db.session.scalar(select(func.count()).select_from(SlotHold)) == 0
