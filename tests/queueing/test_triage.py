"""Classes: what a patient arrives with, and another one while they wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.tenant import db
from app.queueing.models import QueueToken
from tests.desk.conftest import times_today
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_arrival, make_token
from tests.factories.scheduling import make_appointment, make_location, make_open_doctor
from tests.queueing.test_moves import moves_of, told_of

pytestmark = pytest.mark.usefixtures("in_clinic")

Caller = Callable[..., Any]


def born(years: int) -> str:
    return str((clock.now() - timedelta(days=365.25 * years + 1)).date())


@pytest.mark.parametrize(("years", "priority"), [(40, "BOOKED"), (66, "ELDERLY")])
def test_age_decides_where_the_desk_says_nothing(caller: Caller, years: int, priority: str) -> None:
    visit = make_appointment(patient_id=make_patient(date_of_birth=born(years)).id)
    arrived = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/check-in", json={})
    assert arrived.json["token"]["priority"] == priority


def test_what_the_desk_says_counts_more_than_age(caller: Caller) -> None:
    visit = make_appointment(patient_id=make_patient(date_of_birth=born(70)).id)
    arrived = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/check-in", json={"priority": "EMERGENCY"})
    assert arrived.json["token"]["priority"] == "EMERGENCY"


def test_who_gets_worse_goes_first_and_the_click_is_taken_back(caller: Caller) -> None:
    doctor, location, nurse = make_doctor(), make_location(), caller("NURSE")
    first, second = (make_token(doctor, location) for _each in range(2))
    address = f"/queues/tokens/{second.id}"
    worse = nurse.post(f"{address}/priority", json={"priority": "EMERGENCY", "note": "Short of breath"}).json
    assert (worse["priority"], worse["position"], worse["status"]) == ("EMERGENCY", 1, "WAITING")
    assert nurse.post(f"{address}/priority", json={"priority": "EMERGENCY"}).status_code == 200
    assert (moves_of(second.id), told_of(second.id)[-1]) == (["ISSUED", "RECLASSED"], "next")
    assert "reclassed" in told_of(second.id)
    back = nurse.post(f"{address}/undo").json
    assert (back["priority"], back["position"]) == ("WALK_IN", 2)
    assert nurse.post(f"/queues/{doctor.id}/call-next").json["token"]["number"] == first.number


def test_who_was_called_keeps_the_class(caller: Caller) -> None:
    token, desk = make_token(make_doctor(), make_location()), caller("RECEPTIONIST")
    desk.post(f"/queues/tokens/{token.id}/call")
    refused = desk.post(f"/queues/tokens/{token.id}/priority", json={"priority": "EMERGENCY"})
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "WRONG_STATE")
    assert desk.post(f"/queues/tokens/{token.id}/priority", json={"priority": "FIRST"}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("LOCATION_HEAD", 403), ("PATIENT", 403), ("DOCTOR", 200)])
def test_who_may_say_so(caller: Caller, role: str, status: int) -> None:
    token = make_token(make_doctor(), make_location())
    asked = caller(role).post(f"/queues/tokens/{token.id}/priority", json={"priority": "DISABLED"})
    assert asked.status_code == status


def test_the_queues_page_changes_a_class(visitor: Caller) -> None:
    token, desk = make_token(make_doctor(), make_location()), visitor("RECEPTIONIST")
    assert f"/queue/tokens/{token.id}/class" in desk.get("/queue/").text
    assert token.number in desk.get(f"/queue/tokens/{token.id}/class").text
    assert desk.post(f"/queue/tokens/{token.id}/class", data={"priority": "7"}).status_code == 404
    assert desk.post(f"/queue/tokens/{token.id}/class", data={"priority": "2", "note": "Wheelchair"}).status_code == 302
    db.session.refresh(token)
    assert token.priority == 2
    assert "Disabled" in desk.get("/queue/").text


def test_the_desk_checks_somebody_in_first(visitor: Caller) -> None:
    other = make_arrival()
    doctor = make_open_doctor()
    visit = make_appointment(doctor, starts_at=times_today(doctor)[0])
    desk = visitor("RECEPTIONIST")
    assert 'id="act-class"' in desk.get(f"/desk/visits/{visit.id}").text
    assert desk.post(f"/desk/visits/{visit.id}/check-in", data={"priority": "9"}).status_code == 422
    desk.post(f"/desk/visits/{visit.id}/check-in", data={"priority": "0"})
    db.session.rollback()
    assert db.session.query(QueueToken).filter_by(appointment_id=visit.id).one().priority == 0
    assert other.priority == 3
