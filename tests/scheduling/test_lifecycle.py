"""The steps of a visit: which follow which, what each writes down, and who may take them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.access.roles import Role
from app.core import clock
from app.core.errors import Conflict
from app.core.state import WrongState
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.scheduling.models import Appointment, AppointmentStatus, CancelReason
from app.scheduling.queries import history_of, lock_appointment
from app.scheduling.services import (
    cancel_appointment,
    check_in,
    complete,
    confirm_appointment,
    decline_appointment,
    no_show,
    start,
)
from tests.factories.people import make_patient
from tests.factories.scheduling import begin_now, local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

STATUSES = list(AppointmentStatus)
STEPS: dict[str, set[str]] = {
    "approve": {"REQUESTED"},
    "decline": {"REQUESTED"},
    "confirm": {"SCHEDULED"},
    "cancel": {"REQUESTED", "SCHEDULED", "CONFIRMED", "CHECKED_IN"},
    "start": {"CHECKED_IN"},
    "complete": {"IN_PROGRESS"},
    "no-show": {"SCHEDULED", "CONFIRMED", "CHECKED_IN"},
    "reschedule": {"REQUESTED", "SCHEDULED", "CONFIRMED"},
}


def in_status(status: str) -> Appointment:
    """A visit in that status, however it came there."""
    visit = make_appointment()
    with unit_of_work():
        visit.status = status
    return visit


def event_types(visit: Appointment) -> list[str]:
    """The schedule's own events; what others say of the visit is theirs to test."""
    wanted = select(EventRecord.type).where(EventRecord.subject_id == visit.id, EventRecord.source == "scheduling")
    return list(db.session.scalars(wanted.order_by(EventRecord.occurred_at, EventRecord.id)))


def test_a_visit_from_booking_to_completion(clinic: Any) -> None:
    visit = make_appointment()
    for verb in (confirm_appointment, check_in, start, complete):
        with unit_of_work():
            verb(lock_appointment(visit.id))
    assert [change.to_status for change in history_of(visit.id)] == [
        "SCHEDULED", "CONFIRMED", "CHECKED_IN", "IN_PROGRESS", "COMPLETED"
    ]  # fmt: skip
    assert event_types(visit) == [
        "appointment.created", "appointment.confirmed", "appointment.checked_in", "appointment.started",
        "appointment.completed",
    ]  # fmt: skip
    times = (visit.confirmed_at, visit.checked_in_at, visit.started_at, visit.completed_at)
    assert None not in times
    assert list(times) == sorted(times)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_possible_from_its_own_statuses_only(caller: Callable[..., Any], step: str) -> None:
    admin = caller("CLINIC_ADMIN")
    body = {"startsAt": local(tomorrow(), 15).isoformat()} if step == "reschedule" else {}
    allowed = set()
    visits = {status: in_status(status) for status in STATUSES}
    if step == "no-show":
        visits = {status: begin_now(visit) for status, visit in visits.items()}
    for status, visit in visits.items():
        answer = admin.post(f"/appointments/{visit.id}/{step}", json=body)
        if answer.status_code == 200:
            allowed.add(str(status))
        else:
            assert (answer.status_code, answer.json["error"]["code"]) == (409, "WRONG_STATE")
            assert db.session.get_one(Appointment, visit.id).status == status
    assert allowed == STEPS[step]


def test_declining_frees_the_slot() -> None:
    doctor = make_open_doctor()
    visit = make_appointment(doctor)
    with unit_of_work():
        visit.status = AppointmentStatus.REQUESTED
    with unit_of_work():
        decline_appointment(lock_appointment(visit.id), "No capacity")
    assert history_of(visit.id)[-1].reason == "No capacity"
    assert make_appointment(doctor).status == "SCHEDULED"


@pytest.mark.parametrize(
    ("sent", "code", "note"),
    [
        ({"reason": "DOCTOR_UNAVAILABLE", "note": "Flu"}, "DOCTOR_UNAVAILABLE", "Flu"),
        ({"reason": "patient request"}, "PATIENT_REQUEST", ""),
        ({"reason": "Wrong day"}, "OTHER", "Wrong day"),
        ({}, "OTHER", ""),
    ],
)
def test_a_cancellation_has_a_code(caller: Callable[..., Any], sent: dict[str, Any], code: str, note: str) -> None:
    visit = make_appointment()
    answer = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/cancel", json=sent)
    assert (answer.json["status"], answer.json["cancelledReason"]) == ("CANCELLED", code)
    assert db.session.get_one(Appointment, visit.id).cancelled_note == note
    event = db.session.scalars(select(EventRecord).where(EventRecord.type == "appointment.cancelled")).one()
    assert event.payload["reason"] == code


def test_delete_cancels_and_keeps_the_record(caller: Callable[..., Any]) -> None:
    visit, receptionist = make_appointment(), caller("RECEPTIONIST")
    assert receptionist.delete(f"/appointments/{visit.id}").status_code == 204
    assert receptionist.get(f"/appointments/{visit.id}").json["status"] == "CANCELLED"


def test_a_patient_cancels_until_the_visit_begins(caller: Callable[..., Any]) -> None:
    me = make_patient()
    visit = make_appointment(patient_id=me.id)
    patient = caller("PATIENT", patient_id=me.id)
    assert patient.post(f"/appointments/{visit.id}/cancel").json["cancelledReason"] == "PATIENT_REQUEST"
    begun = begin_now(make_appointment(patient_id=me.id))
    late = patient.post(f"/appointments/{begun.id}/cancel")
    assert (late.status_code, late.json["error"]["code"]) == (409, "TOO_LATE")


def test_a_patient_sees_and_moves_only_their_own(caller: Callable[..., Any]) -> None:
    me, visit = make_patient(), make_appointment()
    patient = caller("PATIENT", patient_id=me.id)
    assert patient.get(f"/appointments/{visit.id}").status_code == 404
    assert patient.post(f"/appointments/{visit.id}/cancel").status_code == 404
    wanted = {"startsAt": local(tomorrow(), 15).isoformat()}
    assert patient.post(f"/appointments/{visit.id}/reschedule", json=wanted).status_code == 404
    assert patient.put(f"/appointments/{visit.id}", json={"notes": "x"}).status_code == 403


def test_nobody_fails_to_show_up_before_the_visit() -> None:
    visit = make_appointment()
    with pytest.raises(Conflict) as refused, unit_of_work():
        no_show(lock_appointment(visit.id))
    assert refused.value.code == "TOO_EARLY"
    with clock.travel(to=visit.starts_at), unit_of_work():
        no_show(lock_appointment(visit.id))
    assert visit.status == "NO_SHOW"


def test_yesterdays_visit_cannot_be_checked_in() -> None:
    visit = make_appointment()
    with clock.travel(to=visit.starts_at + timedelta(days=1)), pytest.raises(Conflict) as refused, unit_of_work():
        check_in(lock_appointment(visit.id))
    assert refused.value.code == "WRONG_DAY"


def test_a_visit_cannot_be_cancelled_twice() -> None:
    visit = make_appointment()
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), CancelReason.OTHER)
    with pytest.raises(WrongState), unit_of_work():
        cancel_appointment(lock_appointment(visit.id), CancelReason.OTHER)
    assert [change.kind for change in history_of(visit.id)] == ["BOOKED", "CANCELLED"]


def test_notes_change_until_the_visit_is_over(caller: Callable[..., Any]) -> None:
    visit, receptionist = make_appointment(), caller("RECEPTIONIST")
    assert (
        receptionist.put(f"/appointments/{visit.id}", json={"notes": "Brings reports"}).json["notes"]
        == "Brings reports"
    )
    receptionist.post(f"/appointments/{visit.id}/cancel")
    assert receptionist.put(f"/appointments/{visit.id}", json={"notes": "late"}).status_code == 422


def test_the_status_has_its_own_actions(caller: Callable[..., Any]) -> None:
    visit, receptionist = make_appointment(), caller("RECEPTIONIST")
    assert receptionist.put(f"/appointments/{visit.id}", json={"status": "COMPLETED"}).status_code == 422
    assert db.session.get_one(Appointment, visit.id).status == "SCHEDULED"


ROLES_OF = {
    "approve": "SUPER_ADMIN CLINIC_ADMIN DOCTOR RECEPTIONIST",
    "decline": "SUPER_ADMIN CLINIC_ADMIN DOCTOR RECEPTIONIST",
    "confirm": "SUPER_ADMIN CLINIC_ADMIN DOCTOR RECEPTIONIST",
    "cancel": "SUPER_ADMIN CLINIC_ADMIN DOCTOR NURSE RECEPTIONIST PATIENT",
    "reschedule": "SUPER_ADMIN CLINIC_ADMIN DOCTOR NURSE RECEPTIONIST PATIENT",
    "start": "SUPER_ADMIN CLINIC_ADMIN DOCTOR",
    "complete": "SUPER_ADMIN CLINIC_ADMIN DOCTOR",
    "no-show": "SUPER_ADMIN CLINIC_ADMIN DOCTOR RECEPTIONIST",
}


@pytest.mark.parametrize("role", Role)
def test_who_may_take_which_step(caller: Callable[..., Any], role: str) -> None:
    me, visit = make_patient(), make_appointment()
    person = caller(role, patient_id=me.id) if role == "PATIENT" else caller(role)
    refused = {step for step in ROLES_OF if person.post(f"/appointments/{visit.id}/{step}", json={}).status_code == 403}
    assert refused == {step for step, roles in ROLES_OF.items() if role not in roles.split()}


def test_nobody_without_a_log_in_reaches_visits(app: Any) -> None:
    visit = make_appointment()
    client = app.test_client()
    with tenant_scope(visit.clinic_id):
        for path in (
            f"/api/v1/appointments/{visit.id}",
            "/api/v1/appointments",
            f"/api/v1/doctors/{visit.doctor_id}/slots",
        ):
            assert client.get(path).status_code == 401
