"""Undo, transfer, hold and calls out of turn: what they do, what stays in the history, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.queueing.models import PriorityClass, QueueMove, QueueToken
from app.queueing.services import issue_walk_in
from tests.factories.people import make_doctor
from tests.factories.queueing import make_arrival, make_token
from tests.factories.scheduling import make_location
from tests.statements import recorded_statements

pytestmark = pytest.mark.usefixtures("in_clinic")

Caller = Callable[..., Any]


def moves_of(token_id: str) -> list[str]:
    wanted = select(QueueMove.kind).where(QueueMove.token_id == token_id)
    return list(db.session.scalars(wanted.order_by(QueueMove.id)))


def told_of(token_id: str) -> list[str]:
    wanted = select(EventRecord.type).where(EventRecord.subject_id == token_id).order_by(EventRecord.id)
    return [name.removeprefix("queue.token.") for name in db.session.scalars(wanted)]


@pytest.mark.parametrize("step", ["skip", "hold", "leave", "done", "call"])
def test_undo_puts_a_token_back_to_what_it_was(caller: Caller, step: str) -> None:
    token, desk = make_token(make_doctor(), make_location()), caller("RECEPTIONIST")
    desk.post(f"/queues/tokens/{token.id}/{step}")
    shown = desk.post(f"/queues/tokens/{token.id}/undo").json
    assert (shown["status"], shown["position"], shown["calls"]) == ("WAITING", 1, 0)
    db.session.refresh(token)
    assert (token.called_at, token.finished_at, token.handled_by_id) == (None, None, None)
    assert (moves_of(token.id)[0], moves_of(token.id)[-1], len(moves_of(token.id))) == ("ISSUED", "UNDONE", 3)
    assert told_of(token.id)[-1] == "undone"


def test_a_second_undo_goes_one_step_further_and_then_there_is_nothing_left(caller: Caller) -> None:
    token, desk = make_token(make_doctor(), make_location()), caller("RECEPTIONIST")
    for step in ("call", "skip", "recall"):
        desk.post(f"/queues/tokens/{token.id}/{step}")
    undo = f"/queues/tokens/{token.id}/undo"
    steps = [(answer.json["status"], answer.json["calls"]) for answer in (desk.post(undo) for _ in range(3))]
    assert steps == [("SKIPPED", 1), ("CALLED", 1), ("WAITING", 0)]
    refused = desk.post(undo)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "WRONG_STATE")


def test_undoing_a_call_brings_back_whom_it_sent_away(caller: Caller) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("RECEPTIONIST")
    first, second = (make_token(doctor, location) for _ in range(2))
    for _ in range(2):
        desk.post(f"/queues/{doctor.id}/call-next")
    assert (first.status, second.status) == ("SERVED", "CALLED")
    desk.post(f"/queues/tokens/{second.id}/undo")
    db.session.expire_all()
    assert (first.status, second.status, first.finished_at) == ("CALLED", "WAITING", None)
    assert desk.get(f"/queues/{doctor.id}").json["current"] == first.number


def test_what_the_visit_did_is_not_undone(caller: Caller) -> None:
    token, doctor = make_arrival(), caller("DOCTOR")
    doctor.post(f"/queues/tokens/{token.id}/serve")
    begun = doctor.post(f"/queues/tokens/{token.id}/undo")
    assert (begun.status_code, "has begun" in begun.json["error"]["message"]) == (409, True)
    doctor.post(f"/appointments/{token.appointment_id}/complete")
    over = doctor.post(f"/queues/tokens/{token.id}/undo")
    assert (over.status_code, "is over" in over.json["error"]["message"]) == (409, True)
    assert token.status == "SERVED"


def test_a_transferred_patient_keeps_the_visit_the_class_and_the_wait(caller: Caller) -> None:
    with clock.travel(timedelta(minutes=-20)):
        token = make_arrival(PriorityClass.DISABLED)
    other, desk = make_doctor(), caller("RECEPTIONIST")
    waiting = make_token(other, token.location, priority=PriorityClass.DISABLED)
    answer = desk.post(f"/queues/tokens/{token.id}/transfer", json={"doctorId": other.id, "note": "Second opinion"})
    assert answer.status_code == 200, answer.json
    after = db.session.get_one(QueueToken, answer.json["id"])
    assert (after.doctor_id, after.appointment_id, after.priority) == (other.id, token.appointment_id, token.priority)
    assert (after.arrived_at, after.came_from_id) == (token.arrived_at, token.id)
    assert (token.status, moves_of(token.id), told_of(token.id)[-1]) == (
        "TRANSFERRED",
        ["ISSUED", "TRANSFERRED"],
        "transferred",
    )
    queue = desk.get(f"/queues/{other.id}").json["tokens"]
    assert [row["id"] for row in queue] == [after.id, waiting.id]
    assert desk.get(f"/queues/{token.doctor_id}").json["tokens"] == []
    caller("DOCTOR").post(f"/appointments/{token.appointment_id}/start")
    db.session.refresh(after)
    assert after.status == "SERVING"


def test_a_transfer_needs_another_place_and_somebody_who_can_go(caller: Caller) -> None:
    token, desk = make_token(make_doctor(), make_location()), caller("RECEPTIONIST")
    path = f"/queues/tokens/{token.id}/transfer"
    assert desk.post(path, json={"doctorId": token.doctor_id}).status_code == 422
    assert desk.post(path, json={"doctorId": token.id}).status_code == 404
    elsewhere = make_location()
    moved = desk.post(path, json={"doctorId": token.doctor_id, "locationId": elsewhere.id})
    assert (moved.status_code, moved.json["locationId"]) == (200, elsewhere.id)
    again = desk.post(path, json={"doctorId": token.doctor_id, "locationId": elsewhere.id})
    assert (again.status_code, again.json["error"]["code"]) == (409, "WRONG_STATE")


def test_a_patient_hears_once_that_they_are_next(caller: Caller) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("RECEPTIONIST")
    first, second, third = (make_token(doctor, location) for _ in range(3))
    assert [told_of(token.id).count("next") for token in (first, second, third)] == [1, 0, 0]
    desk.post(f"/queues/{doctor.id}/call-next")
    assert [told_of(token.id).count("next") for token in (first, second, third)] == [1, 1, 0]
    desk.post(f"/queues/tokens/{first.id}/return")
    desk.post(f"/queues/{doctor.id}/call-next")
    assert [told_of(token.id).count("next") for token in (first, second, third)] == [1, 1, 0]


def test_events_carry_ids_and_numbers_only() -> None:
    token = make_token(make_doctor(), make_location())
    payload = db.session.scalars(select(EventRecord).where(EventRecord.subject_id == token.id)).first()
    assert payload is not None
    assert set(payload.payload) == {
        "tokenId", "doctorId", "locationId", "appointmentId", "patientId", "number", "status",
    }  # fmt: skip


def test_a_click_that_moves_nobody_tells_nobody(caller: Caller) -> None:
    doctor, location, desk = make_doctor(), make_location(), caller("RECEPTIONIST")
    make_token(doctor, location)
    for _ in range(2):
        desk.post(f"/queues/{doctor.id}/call-next")
    before = desk.get(f"/queues/{doctor.id}").json["revision"]
    assert desk.post(f"/queues/{doctor.id}/call-next").json == {"token": None}
    assert desk.get(f"/queues/{doctor.id}").json["revision"] == before


def test_a_move_looks_at_the_queue_once_however_long_it_is() -> None:
    doctor, location = make_doctor(), make_location()
    patients = [make_token(doctor, location).patient_id for _ in range(3)]

    def sent() -> int:
        """By the second of two: the first asks again for what a cache has let go of meanwhile."""
        for _move in range(2):
            with recorded_statements() as statements, unit_of_work():
                issue_walk_in(doctor.id, location.id, patients[0])
        return len(statements)

    few = sent()
    for patient_id in patients * 4:
        make_token(doctor, location, patient_id=patient_id)
    assert sent() <= few
