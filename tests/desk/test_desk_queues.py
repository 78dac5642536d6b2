"""The queues beside the front desk: calling, moving and taking back, each said in words."""

from __future__ import annotations

from sqlalchemy import select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import QueueToken
from app.queueing.services import leave
from app.scheduling.models import Appointment
from tests.desk.conftest import Screen, said, stored, words
from tests.factories.queueing import make_token


def test_call_next_calls_and_says_whom(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    desk.send(f"/desk/visits/{visit.id}/check-in")
    answer = desk.send(f"/desk/queues/{doctor.id}/call-next")
    token = db.session.scalars(select(QueueToken).execution_options(populate_existing=True)).one()
    assert (said(answer), token.status) == (f"{token.number} is called.", "CALLED")
    assert said(desk.send(f"/desk/queues/tokens/{token.id}/recall")) == f"{token.number} is called again."
    assert said(desk.send(f"/desk/queues/tokens/{token.id}/skip")) == f"{token.number} is skipped."
    assert said(desk.send(f"/desk/queues/{doctor.id}/call-next")) == "Nobody is waiting."
    assert desk.send(f"/desk/queues/tokens/{token.id}/dance").status_code == 404


def test_a_click_on_a_queue_is_taken_back_where_it_was_made(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    desk.send(f"/desk/visits/{visit.id}/check-in")
    walk_in = make_token(doctor, visit.location)
    assert "Undo" not in words(desk.page("/desk/"))
    desk.send(f"/desk/queues/{doctor.id}/call-next")
    called_again = desk.send(f"/desk/queues/{doctor.id}/call-next")
    assert f"Undo · {walk_in.number}" in words(called_again)
    answer = desk.send(f"/desk/queues/tokens/{walk_in.id}/undo")
    first = db.session.scalars(select(QueueToken).where(QueueToken.appointment_id == visit.id)).one()
    assert said(answer) == f"{walk_in.number} is as it was before."
    assert (stored(QueueToken, first.id).status, stored(QueueToken, walk_in.id).status) == ("CALLED", "WAITING")


def test_what_cancelling_did_to_the_queue_is_not_offered_to_be_taken_back(desk: Screen, visit: Appointment) -> None:
    desk.send(f"/desk/visits/{visit.id}/check-in")
    desk.send(f"/desk/visits/{visit.id}/cancel", reason="PATIENT_UNWELL")
    assert "Undo" not in words(desk.piece("/desk/queue"))


def test_whoever_went_away_no_longer_reads_as_checked_in(desk: Screen, visit: Appointment) -> None:
    desk.send(f"/desk/visits/{visit.id}/check-in")
    token = db.session.scalars(select(QueueToken)).one()
    assert f"Checked in · {token.number}" in words(desk.piece("/desk/day"))
    with unit_of_work():
        leave(token.id)
    shown = words(desk.piece("/desk/day"))
    assert f"Left · {token.number}" in shown and "Checked in" not in shown


def test_a_walk_in_waits_beside_the_booked(desk: Screen, doctor: Doctor) -> None:
    token = make_token(doctor, doctor.locations[0])
    page = desk.page("/desk/")
    assert "1 waiting" in words(page)
    assert f'data-pane="/desk/patients/{token.patient_id}"' in page.text
    desk.send(f"/desk/queues/{doctor.id}/call-next")
    assert said(desk.send(f"/desk/queues/tokens/{token.id}/done")) == f"{token.number} is through."
