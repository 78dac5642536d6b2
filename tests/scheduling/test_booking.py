"""Booking one slot: what is allowed, what is refused, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEntry
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.scheduling.models import Appointment
from app.scheduling.queries import history_of
from app.tenancy.models import Clinic
from tests.daytime import ZONE_NAME
from tests.factories.access import in_daytime
from tests.factories.catalog import make_price, make_service
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import (
    local,
    make_appointment,
    make_location,
    make_open_doctor,
    make_room,
    make_rule,
    tomorrow,
)

pytestmark = pytest.mark.usefixtures("in_clinic")


def body(doctor: Any, patient: Any, **more: Any) -> dict[str, Any]:
    wanted = {"doctorId": doctor.id, "patientId": patient.id, "type": "IN_PERSON", **more}
    return {"startsAt": local(tomorrow()).isoformat(), **wanted}


def booked() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Appointment)) or 0)


def set_up(clinic: Clinic, **settings: Any) -> None:
    with all_tenants(), unit_of_work():
        db.session.get_one(Clinic, clinic.id).settings_json = in_daytime(settings)


def test_a_receptionist_books_a_slot(caller: Callable[..., Any]) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    answer = caller("RECEPTIONIST").post("/appointments", json=body(doctor, patient, notes="Cough"))
    assert answer.status_code == 201, answer.json
    visit = answer.json
    assert (visit["status"], visit["patientId"], visit["notes"]) == ("SCHEDULED", patient.id, "Cough")
    assert visit["startsAt"] == local(tomorrow()).isoformat()
    assert visit["endsAt"] == (local(tomorrow()) + timedelta(minutes=15)).isoformat()
    assert visit["paymentDueAt"] is None


def test_booking_leaves_history_an_audit_entry_and_an_event(caller: Callable[..., Any]) -> None:
    receptionist = caller("RECEPTIONIST")
    visit = receptionist.post("/appointments", json=body(make_open_doctor(), make_patient(), notes="Fever")).json
    (change,) = history_of(visit["id"])
    assert (change.kind, change.to_status, change.user_id) == ("BOOKED", "SCHEDULED", receptionist.user.id)
    event = db.session.scalars(select(EventRecord).where(EventRecord.subject_id == visit["id"])).one()
    assert (event.type, event.payload["appointmentId"]) == ("appointment.created", visit["id"])
    assert "Fever" not in str(event.payload)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.entity_id == visit["id"])).one()
    assert (entry.action, entry.user_id) == ("appointment.created", receptionist.user.id)


def test_a_taken_slot_answers_three_free_ones(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    make_appointment(doctor)
    make_appointment(doctor, starts_at=local(tomorrow(), 10, 30))
    answer = caller("RECEPTIONIST").post("/appointments", json=body(doctor, make_patient()))
    assert answer.status_code == 409
    error = answer.json["error"]
    assert error["code"] == "SLOT_TAKEN"
    expected = [local(tomorrow(), 10, 15), local(tomorrow(), 10, 45), local(tomorrow(), 11)]
    assert [slot["startsAt"] for slot in error["alternatives"]] == [moment.isoformat() for moment in expected]
    assert booked() == 2


def test_alternatives_are_looked_for_on_later_days(caller: Callable[..., Any]) -> None:
    location, day = make_location(), tomorrow()
    doctor = make_doctor()
    make_rule(doctor, location, day.weekday(), slot_minutes=180)
    make_appointment(doctor, starts_at=local(day, 9))
    wanted = body(doctor, make_patient(), startsAt=local(day, 9).isoformat())
    error = caller("RECEPTIONIST").post("/appointments", json=wanted).json["error"]
    weeks = [local(day + timedelta(days=7 * week), 9).isoformat() for week in (1, 2, 3)]
    assert [slot["startsAt"] for slot in error["alternatives"]] == weeks


def test_another_doctor_is_free_at_the_same_time(caller: Callable[..., Any]) -> None:
    make_appointment()
    assert (
        caller("RECEPTIONIST").post("/appointments", json=body(make_open_doctor(), make_patient())).status_code == 201
    )


def test_two_doctors_cannot_share_a_room(caller: Callable[..., Any]) -> None:
    location = make_location()
    room = make_room(location)
    first, second = (make_open_doctor(location, default_room_id=room.id) for _ in range(2))
    assert make_appointment(first).room_id == room.id
    receptionist, patient = caller("RECEPTIONIST"), make_patient()
    assert receptionist.post("/appointments", json=body(second, patient)).json["error"]["code"] == "SLOT_TAKEN"
    assert receptionist.post("/appointments", json=body(second, patient, type="VIDEO_CALL")).status_code == 201


def test_a_visit_with_buffers_keeps_its_neighbours_away(caller: Callable[..., Any]) -> None:
    make_price(make_service(buffer_after_minutes=20))
    doctor = make_open_doctor()
    make_appointment(doctor)
    receptionist = caller("RECEPTIONIST")
    codes = {
        minute: receptionist.post(
            "/appointments", json=body(doctor, make_patient(), startsAt=local(tomorrow(), 10, minute).isoformat())
        ).status_code
        for minute in (15, 30, 45)
    }
    assert codes == {15: 409, 30: 409, 45: 201}


def test_a_group_takes_as_many_as_it_has_seats(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor(hours={"capacity": 3, "slot_minutes": 60, "closes": "23:00"})
    receptionist = caller("RECEPTIONIST")
    answers = [receptionist.post("/appointments", json=body(doctor, make_patient())) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
    rows = db.session.scalars(select(Appointment.seats)).all()
    assert sorted(seats.lower for seats in rows) == [0, 1, 2]
    slots = receptionist.get(f"/doctors/{doctor.id}/slots", query_string={"date": tomorrow(), "type": "IN_PERSON"}).json
    assert local(tomorrow()).isoformat() not in [slot["startsAt"] for slot in slots["items"]]


def test_a_cancelled_seat_of_a_group_is_given_again(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor(hours={"capacity": 2, "slot_minutes": 60, "closes": "23:00"})
    first, _second = make_appointment(doctor), make_appointment(doctor)
    receptionist = caller("RECEPTIONIST")
    receptionist.post(f"/appointments/{first.id}/cancel")
    assert receptionist.post("/appointments", json=body(doctor, make_patient())).status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "where"),
    [
        ({"startsAt": "2020-01-01T10:00:00+05:30"}, 422, "TIME_PASSED"),
        ({"startsAt": "9999-12-31T23:59:59-12:00"}, 422, "startsAt"),
        ({"startsAt": "2030-01-01T10:00:00"}, 422, "startsAt"),
        ({"startsAt": "tomorrow"}, 422, "startsAt"),
        ({"type": "HOME_VISIT"}, 422, "TYPE_NOT_OFFERED"),
        ({"type": "TELEPATHY"}, 422, "type"),
        ({"doctorId": new_id()}, 404, "NOT_FOUND"),
        ({"patientId": new_id()}, 404, "PATIENT_NOT_FOUND"),
        ({"locationId": new_id()}, 422, "NOT_A_SLOT"),
        ({"doctorId": "17"}, 422, "doctorId"),
        ({"patientId": None}, 422, "patientId"),
        ({"notes": "x" * 2001}, 422, "notes"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    caller: Callable[..., Any], change: dict[str, Any], status: int, where: str
) -> None:
    wanted = {**body(make_open_doctor(), make_patient()), **change}
    answer = caller("RECEPTIONIST").post("/appointments", json=wanted)
    assert answer.status_code == status, answer.json
    error = answer.json["error"]
    assert where == error["code"] or where in error["fields"]
    assert booked() == 0


@pytest.mark.parametrize("minute", [1, 7, 14])
def test_a_time_off_the_grid_is_no_slot(caller: Callable[..., Any], minute: int) -> None:
    wanted = body(make_open_doctor(), make_patient(), startsAt=local(tomorrow(), 10, minute).isoformat())
    answer = caller("RECEPTIONIST").post("/appointments", json=wanted)
    assert (answer.status_code, answer.json["error"]["code"], booked()) == (422, "NOT_A_SLOT", 0)


def test_an_inactive_doctor_and_a_deceased_patient_are_refused(caller: Callable[..., Any]) -> None:
    receptionist = caller("RECEPTIONIST")
    idle = make_open_doctor(active=False)
    answer = receptionist.post("/appointments", json=body(idle, make_patient()))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "DOCTOR_INACTIVE")
    late = make_patient(deceased_on=date(2024, 5, 1))
    answer = receptionist.post("/appointments", json=body(make_open_doctor(), late))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "PATIENT_DECEASED")
    assert booked() == 0


def test_the_same_key_books_once(caller: Callable[..., Any]) -> None:
    receptionist, wanted = caller("RECEPTIONIST"), body(make_open_doctor(), make_patient())
    headers = {"Idempotency-Key": "form-1"}
    first, again = (receptionist.post("/appointments", json=wanted, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    other = receptionist.post("/appointments", json={**wanted, "notes": "other"}, headers=headers)
    assert (other.status_code, booked()) == (409, 1)


def test_a_patient_books_for_nobody_else(caller: Callable[..., Any]) -> None:
    doctor, me, other = make_open_doctor(), make_patient(), make_patient()
    patient = caller("PATIENT", patient_id=me.id)
    assert patient.post("/appointments", json=body(doctor, other)).status_code == 404
    wanted = body(doctor, me)
    del wanted["patientId"]
    assert patient.post("/appointments", json=wanted).json["patientId"] == me.id


@pytest.mark.parametrize(
    ("role", "type", "due"),
    [
        ("PATIENT", "VIDEO_CALL", True),
        ("PATIENT", "IN_PERSON", False),
        ("RECEPTIONIST", "VIDEO_CALL", False),
        ("RECEPTIONIST", "IN_PERSON", False),
    ],
)
def test_only_a_patients_video_call_must_be_paid_first(
    caller: Callable[..., Any], role: str, type: str, due: bool
) -> None:
    make_price()
    me = make_patient()
    client = caller(role, patient_id=me.id) if role == "PATIENT" else caller(role)
    visit = client.post("/appointments", json=body(make_open_doctor(), me, type=type)).json
    assert (visit["status"], visit["paymentDueAt"] is not None) == ("SCHEDULED", due)


def test_a_video_call_without_a_price_or_for_free_waits_for_no_payment(caller: Callable[..., Any]) -> None:
    me = make_patient()
    patient = caller("PATIENT", patient_id=me.id)
    unpriced = patient.post("/appointments", json=body(make_open_doctor(), me, type="VIDEO_CALL")).json
    make_price(amount="0.00")
    free = patient.post("/appointments", json=body(make_open_doctor(), me, type="VIDEO_CALL")).json
    assert (unpriced["paymentDueAt"], free["paymentDueAt"]) == (None, None)


def test_where_the_clinic_asks_for_approval_a_patient_books_a_request(
    clinic: Clinic, caller: Callable[..., Any]
) -> None:
    set_up(clinic, approval_required=True)
    doctor, me = make_open_doctor(), make_patient()
    patient, receptionist = caller("PATIENT", patient_id=me.id), caller("RECEPTIONIST")
    assert patient.post("/appointments", json=body(doctor, me)).json["status"] == "REQUESTED"
    later = body(doctor, me, startsAt=local(tomorrow(), 11).isoformat())
    assert receptionist.post("/appointments", json=later).json["status"] == "SCHEDULED"
    taken = receptionist.post("/appointments", json=body(doctor, make_patient()))
    assert taken.json["error"]["code"] == "SLOT_TAKEN"


def test_overbooking_needs_the_permission_and_a_reason(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    make_appointment(doctor)
    wanted = body(doctor, make_patient(), overbookReason="Urgent: the doctor agreed")
    assert caller("RECEPTIONIST").post("/appointments", json=wanted).status_code == 403
    visit = caller("DOCTOR").post("/appointments", json=wanted).json
    assert visit["overbooked"] is True
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.entity_id == visit["id"])).one()
    assert entry.changes["overbook_reason"][1] == "Urgent: the doctor agreed"


def test_ids_of_another_clinic_are_not_found(other_clinic: Clinic, caller: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        foreign = make_appointment()
        doctor_id, patient_id = foreign.doctor_id, foreign.patient_id
    receptionist, doctor, patient = caller("RECEPTIONIST"), make_open_doctor(), make_patient()
    wanted = body(doctor, patient)
    assert receptionist.post("/appointments", json={**wanted, "doctorId": doctor_id}).status_code == 404
    assert receptionist.post("/appointments", json={**wanted, "patientId": patient_id}).status_code == 404
    for method, path in (
        ("get", f"/appointments/{foreign.id}"),
        ("put", f"/appointments/{foreign.id}"),
        ("delete", f"/appointments/{foreign.id}"),
        ("post", f"/appointments/{foreign.id}/confirm"),
        ("post", f"/appointments/{foreign.id}/cancel"),
        ("get", f"/doctors/{doctor_id}/slots"),
        ("get", f"/doctors/{doctor_id}/availability"),
    ):
        assert getattr(receptionist, method)(path, json={}).status_code == 404, path


def test_nothing_can_be_booked_beyond_the_clinics_window(clinic: Clinic, caller: Callable[..., Any]) -> None:
    set_up(clinic, book_ahead_days=3)
    doctor, receptionist = make_open_doctor(), caller("RECEPTIONIST")
    query = {"date": clock.today(ZONE_NAME), "days": 10}
    items = receptionist.get(f"/doctors/{doctor.id}/slots", query_string=query).json["items"]
    assert max(slot["startsAt"] for slot in items) < (clock.now() + timedelta(days=3)).isoformat()
    far = body(doctor, make_patient(), startsAt=local(tomorrow() + timedelta(days=3)).isoformat())
    assert receptionist.post("/appointments", json=far).json["error"]["code"] == "TOO_FAR_AHEAD"


def test_a_home_visit_goes_where_the_patient_lives_or_where_one_says(caller: Callable[..., Any]) -> None:
    doctor, desk = make_open_doctor(types=["IN_PERSON", "HOME_VISIT"]), caller("RECEPTIONIST")
    patient = make_patient(address="12 Lake Road", city="Pune", postal_code="411001")
    home = body(doctor, patient, type="HOME_VISIT")
    assert desk.post("/appointments", json=home).json["address"] == "12 Lake Road, Pune 411001"
    elsewhere = {**home, "startsAt": local(tomorrow(), 15).isoformat(), "address": " At her sister's, 3 Hill View "}
    assert desk.post("/appointments", json=elsewhere).json["address"] == "At her sister's, 3 Hill View"
    at_the_clinic = body(doctor, patient, startsAt=local(tomorrow(), 18).isoformat(), address="12 Lake Road")
    assert desk.post("/appointments", json=at_the_clinic).json["address"] == ""


def test_a_home_visit_needs_an_address(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor(types=["HOME_VISIT"])
    answer = caller("RECEPTIONIST").post("/appointments", json=body(doctor, make_patient(), type="HOME_VISIT"))
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["address"])
    assert booked() == 0


def test_the_way_there_and_back_is_kept_free_around_a_home_visit(clinic: Clinic, caller: Callable[..., Any]) -> None:
    set_up(clinic, travel_minutes=20)
    doctor, desk = make_open_doctor(types=["IN_PERSON", "HOME_VISIT"]), caller("RECEPTIONIST")
    home = body(doctor, make_patient(), type="HOME_VISIT", address="12 Lake Road")
    assert desk.post("/appointments", json=home).status_code == 201
    too_soon = body(doctor, make_patient(), startsAt=local(tomorrow(), 10, 30).isoformat())
    refused = desk.post("/appointments", json=too_soon)
    assert refused.json["error"]["code"] == "SLOT_TAKEN"
    assert refused.json["error"]["alternatives"][0]["startsAt"] == local(tomorrow(), 10, 45).isoformat()
