"""Moving a visit is one step: it has the new slot or keeps the old one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.scheduling.models import Appointment
from app.scheduling.queries import history_of
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

ELEVEN = {"startsAt": local(tomorrow(), 11).isoformat()}


def test_a_moved_visit_frees_its_old_slot(caller: Callable[..., Any]) -> None:
    doctor, receptionist = make_open_doctor(), caller("RECEPTIONIST")
    visit = make_appointment(doctor)
    moved = receptionist.post(f"/appointments/{visit.id}/reschedule", json={**ELEVEN, "reason": "Asked to"})
    assert (moved.status_code, moved.json["startsAt"]) == (200, ELEVEN["startsAt"])
    change = history_of(visit.id)[-1]
    assert (change.kind, change.from_starts_at, change.reason) == ("RESCHEDULED", local(tomorrow()), "Asked to")
    event = db.session.scalars(select(EventRecord).where(EventRecord.type == "appointment.rescheduled")).one()
    assert event.payload["oldDoctorId"] == doctor.id
    assert make_appointment(doctor).starts_at == local(tomorrow())


def test_a_visit_is_moved_only_from_where_it_was_seen(caller: Callable[..., Any]) -> None:
    doctor, receptionist = make_open_doctor(), caller("RECEPTIONIST")
    visit, colleague = make_appointment(doctor), make_open_doctor()
    path, seen = f"/appointments/{visit.id}/reschedule", {"fromStartsAt": visit.starts_at.isoformat()}
    assert receptionist.post(path, json={**ELEVEN, **seen, "fromDoctorId": doctor.id}).status_code == 200
    noon = {"startsAt": local(tomorrow(), 12).isoformat()}
    for elsewhere in (seen, {"fromStartsAt": ELEVEN["startsAt"], "fromDoctorId": colleague.id}):
        answer = receptionist.post(path, json={**noon, **elsewhere})
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "MOVED_MEANWHILE")
        assert f"to {doctor.short_name}, {local(tomorrow(), 11):%a} " in answer.json["error"]["message"]
    assert db.session.get_one(Appointment, visit.id).starts_at == local(tomorrow(), 11)
    assert receptionist.post(path, json={**noon, "fromStartsAt": ELEVEN["startsAt"]}).status_code == 200


def test_a_visit_stays_where_it_was_when_the_new_slot_is_taken(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    visit = make_appointment(doctor)
    make_appointment(doctor, starts_at=local(tomorrow(), 11))
    answer = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/reschedule", json=ELEVEN)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "SLOT_TAKEN")
    assert len(answer.json["error"]["alternatives"]) == 3
    assert db.session.get_one(Appointment, visit.id).starts_at == local(tomorrow())


def test_a_long_visit_moves_into_time_that_it_takes_itself(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    visit = make_appointment(doctor)
    with unit_of_work():
        visit.busy = Range(visit.starts_at, visit.ends_at + timedelta(minutes=60))
    quarter = {"startsAt": local(tomorrow(), 10, 15).isoformat()}
    assert caller("RECEPTIONIST").post(f"/appointments/{visit.id}/reschedule", json=quarter).status_code == 200


def test_staff_move_a_visit_to_another_doctor_a_patient_does_not(caller: Callable[..., Any]) -> None:
    me, location = make_patient(), make_location()
    visit, other = make_appointment(make_open_doctor(location), patient_id=me.id), make_open_doctor(location)
    wanted = {**ELEVEN, "doctorId": other.id}
    refused = caller("PATIENT", patient_id=me.id).post(f"/appointments/{visit.id}/reschedule", json=wanted)
    assert (refused.status_code, list(refused.json["error"]["fields"])) == (422, ["doctorId"])
    moved = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/reschedule", json=wanted).json
    assert moved["doctorId"] == other.id


@pytest.mark.parametrize("starts_at", ["2020-01-01T10:00:00Z", local(tomorrow(), 11, 3).isoformat(), "soon"])
def test_a_visit_moves_to_real_slots_only(caller: Callable[..., Any], starts_at: str) -> None:
    visit = make_appointment()
    answer = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/reschedule", json={"startsAt": starts_at})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["startsAt"])
    assert db.session.get_one(Appointment, visit.id).starts_at == local(tomorrow())


def test_put_moves_a_visit_too(caller: Callable[..., Any]) -> None:
    visit = make_appointment()
    changed = caller("RECEPTIONIST").put(f"/appointments/{visit.id}", json={**ELEVEN, "notes": "Later"}).json
    assert (changed["startsAt"], changed["notes"]) == (ELEVEN["startsAt"], "Later")
