"""Check-in, numbers, and the moves of a token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import select

from app.access.roles import Role
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.queueing.models import PriorityClass, QueueMove, QueueToken, TokenStatus
from app.queueing.services.issuing import letters
from app.scheduling.models import Appointment
from app.tenancy.models import Clinic
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_arrival, make_token
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def moves_of(token_id: str) -> list[str]:
    wanted = select(QueueMove.kind).where(QueueMove.token_id == token_id)
    return list(db.session.scalars(wanted.order_by(QueueMove.created_at, QueueMove.id)))


def test_check_in_gives_a_token(caller: Callable[..., Any]) -> None:
    visit, receptionist = make_appointment(), caller("RECEPTIONIST")
    answer = receptionist.post(f"/appointments/{visit.id}/check-in")
    assert answer.status_code == 200, answer.json
    token = answer.json["token"]
    assert (answer.json["status"], token["number"], token["position"]) == ("CHECKED_IN", "A-01", 1)
    assert moves_of(token["id"]) == ["ISSUED"]
    told = db.session.scalars(select(EventRecord).where(EventRecord.subject_id == token["id"]).order_by(EventRecord.id))
    assert [(event.type, event.payload["number"]) for event in told] == [
        ("queue.token.issued", "A-01"),
        ("queue.token.next", "A-01"),
    ]


def test_a_second_check_in_answers_the_same_token(caller: Callable[..., Any]) -> None:
    visit, receptionist = make_appointment(), caller("RECEPTIONIST")
    first, again = (receptionist.post(f"/appointments/{visit.id}/check-in").json for _ in range(2))
    assert first == again
    assert moves_of(first["token"]["id"]) == ["ISSUED"]


@pytest.mark.parametrize("status", ["REQUESTED", "COMPLETED", "CANCELLED", "NO_SHOW", "DECLINED"])
def test_a_visit_that_is_not_expected_gets_no_token(caller: Callable[..., Any], status: str) -> None:
    visit = make_appointment()
    with unit_of_work():
        visit.status = status
    answer = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/check-in")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "WRONG_STATE")
    assert db.session.scalars(select(QueueToken)).all() == []


def test_each_doctor_of_a_location_has_a_letter_and_keeps_it() -> None:
    location = make_location()
    first, second = make_doctor(), make_doctor()
    numbers = [make_token(doctor, location).number for doctor in (first, second, first)]
    assert numbers == ["A-01", "B-01", "A-02"]
    assert make_token(second, make_location()).number == "A-01"
    with clock.travel(timedelta(days=1)):
        assert make_token(second, location).number == "B-01"
        assert make_token(first, location).number == "A-01"


def test_letters_do_not_run_out() -> None:
    found = list(islice(letters(), 60))
    assert (found[0], found[25], found[26], found[52]) == ("A", "Z", "AA", "BA")
    assert len(set(found)) == 60


def test_need_comes_before_arrival(caller: Callable[..., Any]) -> None:
    doctor, location, receptionist = make_doctor(), make_location(), caller("RECEPTIONIST")
    for priority in ("WALK_IN", "BOOKED", "ELDERLY", "EMERGENCY", "BOOKED", "DISABLED"):
        make_token(doctor, location, priority=PriorityClass[priority])
    called = []
    while (token := receptionist.post(f"/queues/{doctor.id}/call-next").json["token"]) is not None:
        called.append((token["number"], token["priority"]))
    assert called == [
        ("A-04", "EMERGENCY"), ("A-03", "ELDERLY"), ("A-06", "DISABLED"), ("A-02", "BOOKED"), ("A-05", "BOOKED"),
        ("A-01", "WALK_IN"),
    ]  # fmt: skip


def test_whoever_calls_next_is_done_with_the_one_before(caller: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    first, second = (make_token(doctor, location) for _ in range(2))
    receptionist, nurse = caller("RECEPTIONIST"), caller("NURSE")
    assert receptionist.post(f"/queues/{doctor.id}/call-next").json["token"]["id"] == first.id
    assert nurse.post(f"/queues/{doctor.id}/call-next").json["token"]["id"] == second.id
    assert (first.status, second.status) == ("CALLED", "CALLED")
    assert receptionist.post(f"/queues/{doctor.id}/call-next").json == {"token": None}
    assert (first.status, second.status) == ("SERVED", "CALLED")


def test_call_next_for_one_location_only(caller: Callable[..., Any]) -> None:
    doctor, here, there = make_doctor(), make_location(), make_location()
    make_token(doctor, here)
    wanted = make_token(doctor, there)
    called = caller("DOCTOR").post(f"/queues/{doctor.id}/call-next", json={"locationId": there.id}).json["token"]
    assert called["id"] == wanted.id


def test_yesterdays_tokens_are_not_called(caller: Callable[..., Any]) -> None:
    doctor = make_doctor()
    with clock.travel(timedelta(days=-1)):
        make_token(doctor, make_location())
    assert caller("DOCTOR").post(f"/queues/{doctor.id}/call-next").json == {"token": None}


def test_the_same_key_calls_once(caller: Callable[..., Any]) -> None:
    doctor, location, nurse = make_doctor(), make_location(), caller("NURSE")
    for _ in range(2):
        make_token(doctor, location)
    headers = {"Idempotency-Key": "click-1"}
    first, again = (nurse.post(f"/queues/{doctor.id}/call-next", headers=headers).json for _ in range(2))
    assert first == again
    assert first["token"]["number"] == "A-01"


def test_skip_recall_hold_and_return(caller: Callable[..., Any]) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("RECEPTIONIST")
    token = make_token(doctor, location)
    make_token(doctor, location)
    desk.post(f"/queues/{doctor.id}/call-next")
    steps = [
        ("skip", "SKIPPED", None), ("recall", "CALLED", 0), ("hold", "HELD", None), ("return", "WAITING", 1),
        ("leave", "LEFT", None),
    ]  # fmt: skip
    for step, status, position in steps:
        shown = desk.post(f"/queues/tokens/{token.id}/{step}").json
        assert (shown["status"], shown["position"]) == (status, position), step
    assert moves_of(token.id) == ["ISSUED", "CALLED", "SKIPPED", "RECALLED", "HELD", "RETURNED", "LEFT"]
    assert token.calls == 2


STEPS = {
    "recall": {"CALLED", "HELD", "SKIPPED"},
    "skip": {"WAITING", "CALLED"},
    "hold": {"WAITING", "CALLED", "SERVING"},
    "return": {"CALLED", "SERVING", "HELD", "SKIPPED"},
    "resume": {"HELD"},
    "call": {"WAITING"},
    "serve": {"WAITING", "CALLED", "HELD", "SKIPPED"},
    "done": {"WAITING", "CALLED", "SERVING", "HELD", "SKIPPED"},
    "leave": {"WAITING", "CALLED", "HELD", "SKIPPED"},
}


@pytest.mark.parametrize("step", STEPS)
def test_a_move_is_possible_from_its_own_statuses_only(caller: Callable[..., Any], step: str) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("CLINIC_ADMIN")
    allowed = set()
    for status in TokenStatus:
        token = make_token(doctor, location)
        with unit_of_work():
            token.status = status
        answer = desk.post(f"/queues/tokens/{token.id}/{step}")
        if answer.status_code == 200:
            allowed.add(str(status))
        else:
            assert (answer.status_code, answer.json["error"]["code"]) == (409, "WRONG_STATE")
    assert allowed == STEPS[step]


def test_serving_a_token_begins_its_visit_and_ends_with_it(caller: Callable[..., Any]) -> None:
    token, doctor = make_arrival(), caller("DOCTOR")
    assert doctor.post(f"/queues/tokens/{token.id}/serve").json["status"] == "SERVING"
    assert db.session.get_one(Appointment, token.appointment_id).status == "IN_PROGRESS"
    doctor.post(f"/appointments/{token.appointment_id}/complete")
    assert token.status == "SERVED"
    assert moves_of(token.id) == ["ISSUED", "SERVING", "SERVED"]


@pytest.mark.parametrize(("step", "status"), [("start", "SERVING"), ("cancel", "LEFT")])
def test_the_token_follows_its_visit(caller: Callable[..., Any], step: str, status: str) -> None:
    token = make_arrival()
    caller("CLINIC_ADMIN").post(f"/appointments/{token.appointment_id}/{step}")
    assert token.status == status


def test_a_visit_stays_in_progress_when_the_next_is_called(caller: Callable[..., Any]) -> None:
    token, doctor = make_arrival(), caller("DOCTOR")
    doctor.post(f"/queues/tokens/{token.id}/serve")
    doctor.post(f"/queues/{token.doctor_id}/call-next")
    assert token.status == "SERVED"
    assert db.session.get_one(Appointment, token.appointment_id).status == "IN_PROGRESS"


def test_a_walk_in_needs_a_known_patient_and_place(caller: Callable[..., Any]) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("RECEPTIONIST")
    wanted = {"patientId": make_patient().id, "locationId": location.id}
    path = f"/queues/{doctor.id}/tokens"
    assert desk.post(path, json={**wanted, "patientId": new_id()}).status_code == 404
    assert desk.post(path, json={**wanted, "locationId": new_id()}).status_code == 422
    assert desk.post(path, json={**wanted, "priority": "VIP"}).status_code == 422
    assert desk.post(f"/queues/{new_id()}/tokens", json=wanted).status_code == 404
    assert db.session.scalars(select(QueueToken)).all() == []
    made = desk.post(path, json=wanted)
    assert (made.status_code, made.json["number"], made.json["priority"]) == (201, "A-01", "WALK_IN")


def test_staff_see_names_a_patient_sees_numbers(caller: Callable[..., Any]) -> None:
    doctor, location, me = make_doctor(), make_location(), make_patient(first_name="Zubeida")
    make_token(doctor, location)
    make_token(doctor, location, patient_id=me.id)
    for_staff = caller("NURSE").get(f"/queues/{doctor.id}").json
    assert [token["position"] for token in for_staff["tokens"]] == [1, 2]
    assert for_staff["tokens"][1]["patientName"].startswith("Zubeida")
    patient = caller("PATIENT", patient_id=me.id)
    seen = patient.get(f"/queues/{doctor.id}")
    assert [set(token) for token in seen.json["tokens"]] == [{"number", "status", "position", "waitMinutes"}] * 2
    assert "Zubeida" not in seen.text
    (mine,) = patient.get("/queues/me").json["items"]
    assert (mine["number"], mine["position"], mine["current"], mine["doctorName"]) == ("A-02", 2, None, doctor.name)
    assert caller("NURSE").get("/queues/me").json["items"] == []


def test_the_board_has_every_doctor_of_its_location_and_no_names(caller: Callable[..., Any]) -> None:
    location, rao = make_location(), make_doctor(last_name="Rao")
    first = make_token(rao, location)
    make_token(rao, location)
    make_token(make_doctor(last_name="Sen"), location)
    make_token(rao, make_location())
    nurse = caller("NURSE")
    nurse.post(f"/queues/{rao.id}/call-next", json={"locationId": location.id})
    answer = nurse.get("/queues/board", query_string={"locationId": location.id})
    shown = [(queue["doctor"], queue["current"], len(queue["tokens"])) for queue in answer.json["queues"]]
    assert shown == [("Dr Rao", "A-01", 2), ("Dr Sen", None, 1)]
    assert first.patient.last_name not in answer.text.replace("Rao", "").replace("Sen", "")
    assert nurse.get("/queues/board", query_string={"locationId": new_id()}).status_code == 404


ROLES_OF = {
    "call-next": "SUPER_ADMIN CLINIC_ADMIN DOCTOR NURSE RECEPTIONIST",
    "read": "SUPER_ADMIN CLINIC_ADMIN LOCATION_HEAD DOCTOR NURSE RECEPTIONIST SYSTEM_AUDITOR PATIENT",
    "board": "SUPER_ADMIN CLINIC_ADMIN LOCATION_HEAD DOCTOR NURSE RECEPTIONIST SYSTEM_AUDITOR",
    "skip": "SUPER_ADMIN CLINIC_ADMIN DOCTOR NURSE RECEPTIONIST",
    "check-in": "SUPER_ADMIN CLINIC_ADMIN NURSE RECEPTIONIST",
}


@pytest.mark.parametrize("role", Role)
def test_who_may_do_what(caller: Callable[..., Any], role: str) -> None:
    doctor, location = make_doctor(), make_location()
    token, person = make_token(doctor, location), caller(role)
    answers = {
        "call-next": person.post(f"/queues/{new_id()}/call-next"),
        "read": person.get(f"/queues/{doctor.id}"),
        "board": person.get("/queues/board", query_string={"locationId": location.id}),
        "skip": person.post(f"/queues/tokens/{token.id}/skip"),
        "check-in": person.post(f"/appointments/{new_id()}/check-in"),
    }
    refused = {action for action, answer in answers.items() if answer.status_code == 403}
    assert refused == {action for action, roles in ROLES_OF.items() if role not in roles.split()}


def test_queues_of_another_clinic_are_not_found(other_clinic: Clinic, caller: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        doctor, location = make_open_doctor(), make_location()
        token, visit = make_token(doctor, location), make_appointment(doctor, starts_at=local(tomorrow(), 17))
        ids = {"doctor": doctor.id, "location": location.id, "token": token.id, "visit": visit.id}
    admin = caller("CLINIC_ADMIN")
    for method, path in (
        ("get", "/queues/{doctor}"),
        ("post", "/queues/{doctor}/call-next"),
        ("post", "/appointments/{visit}/check-in"),
        ("get", "/queues/board?locationId={location}"),
        *(("post", f"/queues/tokens/{{token}}/{step}") for step in STEPS),
    ):
        assert getattr(admin, method)(path.format(**ids)).status_code == 404, path
