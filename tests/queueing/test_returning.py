"""Whoever was checked in and went away, or came on the day before, waits again when they are back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.queueing.models import QueueMove, QueueToken
from app.queueing.queries.queues import state_of
from app.queueing.services import arrive, call_next, leave, undo
from app.scheduling.models import Appointment
from app.scheduling.services import cancel_appointment
from tests.factories.people import make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import local, make_appointment, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


@pytest.fixture
def visit() -> Appointment:
    return make_appointment()


def come(visit: Appointment) -> QueueToken:
    with unit_of_work():
        return arrive(visit.id)[1]


def moves_of(token: QueueToken) -> list[str]:
    wanted = select(QueueMove.kind).where(QueueMove.token_id == token.id)
    return list(db.session.scalars(wanted.order_by(QueueMove.id)))


def waiting(visit: Appointment) -> list[str]:
    """The numbers of those who wait, in order."""
    state = state_of(visit.doctor_id)
    return [row.number for row in state.rows if state.positions.get(row.id)]


def test_who_left_waits_again_behind_those_who_came_meanwhile(visit: Appointment) -> None:
    token = come(visit)
    with unit_of_work():
        leave(token.id)
    other = make_token(visit.doctor, visit.location, patient_id=make_patient().id, priority=token.priority)
    again = come(visit)
    assert (again.id, again.status, again.finished_at) == (token.id, "WAITING", None)
    assert waiting(visit) == [other.number, token.number]
    assert moves_of(token) == ["ISSUED", "LEFT", "RETURNED"]
    assert come(visit).id == token.id
    assert moves_of(token)[-1] == "RETURNED"


def test_a_return_can_be_taken_back(visit: Appointment) -> None:
    token = come(visit)
    with unit_of_work():
        leave(token.id)
    come(visit)
    with unit_of_work():
        assert undo(token.id).status == "LEFT"
    assert waiting(visit) == []


def test_who_was_called_and_left_is_told_anew_of_their_turn(visit: Appointment) -> None:
    token = come(visit)
    with unit_of_work():
        call_next(visit.doctor_id)
        leave(token.id)
    again = come(visit)
    assert (again.called_at, again.next_at is not None) == (None, True)


def test_who_is_there_keeps_the_place(visit: Appointment) -> None:
    token = come(visit)
    with unit_of_work():
        call_next(visit.doctor_id)
    assert come(visit).status == "CALLED"
    assert moves_of(token) == ["ISSUED", "CALLED"]


def test_who_was_checked_in_the_day_before_gets_a_number_of_the_day() -> None:
    day = tomorrow()
    visit = make_appointment(starts_at=local(day, 10))
    early = come(visit)
    with clock.travel(to=local(day, 9)):
        token = come(visit)
        assert (token.id != early.id, token.status, token.queued_on) == (True, "WAITING", day)
        assert waiting(visit) == [token.number]
        assert come(visit).id == token.id
    db.session.refresh(early)
    assert early.status == "TRANSFERRED"
    assert moves_of(early) == ["ISSUED", "TRANSFERRED"]


def test_a_visit_of_another_day_or_called_off_brings_nobody_back() -> None:
    day = tomorrow()
    visit = make_appointment(starts_at=local(day, 10))
    token = come(visit)
    with clock.travel(to=local(day + timedelta(days=1), 9)):
        assert come(visit).id == token.id
    assert moves_of(token) == ["ISSUED"]
    with unit_of_work():
        cancel_appointment(visit, "PATIENT_REQUEST")
    assert db.session.get_one(QueueToken, token.id).status == "LEFT"
