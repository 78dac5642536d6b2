"""Deeds on one visit on pages of their own, and the page of requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment
from app.scheduling.queries import count_requests, history_of
from app.scheduling.services import follow_ups_of
from tests.factories.access import set_settings
from tests.factories.people import make_patient
from tests.factories.scheduling import begin_now, local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def typed(days: int, hour: int) -> str:
    return f"{(tomorrow() + timedelta(days=days)).isoformat()}T{hour:02d}:00"


def in_status(status: str, **overrides: Any) -> Appointment:
    visit = make_appointment(**overrides)
    with unit_of_work():
        visit.status = status
    return visit


def test_a_visit_is_cancelled_with_a_coded_reason(visitor: Callable[..., Any]) -> None:
    visit, desk = make_appointment(), visitor("RECEPTIONIST")
    assert "Booked in error" in desk.get(f"/visits/{visit.id}/cancel").text
    answer = desk.post(f"/visits/{visit.id}/cancel", data={"reason": "BOOKED_IN_ERROR", "note": "Twice"})
    assert answer.status_code == 302, answer.text
    assert (visit.status, visit.cancelled_reason, visit.cancelled_note) == ("CANCELLED", "BOOKED_IN_ERROR", "Twice")
    assert desk.post(f"/visits/{visit.id}/cancel", data={"reason": "UNPAID"}).status_code == 422


def test_a_patient_has_the_patients_reasons_and_their_own_visits(visitor: Callable[..., Any]) -> None:
    visit = make_appointment()
    me = visitor("PATIENT", patient_id=visit.patient_id)
    page = me.get(f"/visits/{visit.id}/cancel").text
    assert ("PATIENT_UNWELL" in page, "CLINIC_CLOSED" in page) == (True, False)
    assert me.post(f"/visits/{visit.id}/cancel", data={"reason": "CLINIC_CLOSED"}).status_code == 422
    assert me.get(f"/visits/{make_appointment().id}/cancel").status_code == 404


def test_a_visit_is_moved_and_a_taken_slot_is_told_with_what_is_free(visitor: Callable[..., Any]) -> None:
    visit, desk = make_appointment(), visitor("RECEPTIONIST")
    make_appointment(db.session.get_one(type(visit.doctor), visit.doctor_id), starts_at=local(tomorrow(), 12))
    taken = desk.post(f"/visits/{visit.id}/move", data={"starts_at": typed(0, 12), "doctor": visit.doctor_id})
    assert (taken.status_code, "Next free: " in taken.text) == (422, True)
    moved = desk.post(
        f"/visits/{visit.id}/move", data={"starts_at": typed(1, 9), "doctor": visit.doctor_id, "reason": "Asked"}
    )
    assert moved.status_code == 302, moved.text
    assert visit.starts_at == local(tomorrow() + timedelta(days=1), 9)
    assert history_of(visit.id)[-1].reason == "Asked"


def test_a_follow_up_is_booked_and_the_record_shows_the_link(visitor: Callable[..., Any]) -> None:
    before, doctor = in_status("COMPLETED"), visitor("DOCTOR")
    form = {"starts_at": typed(6, 10), "doctor": before.doctor_id, "type": "IN_PERSON", "notes": "Look at the scar"}
    answer = doctor.post(f"/visits/{before.id}/follow-up", data=form)
    assert answer.status_code == 302, answer.text
    (made,) = follow_ups_of(before.id)
    assert made.id in answer.location
    assert before.id in doctor.get(f"/appointmentview/show/{made.id}").text
    assert made.id in doctor.get(f"/appointmentview/show/{before.id}").text


def test_nobody_came_is_said_with_a_reason_once_it_should_have_begun(visitor: Callable[..., Any]) -> None:
    visit, desk = make_appointment(), visitor("RECEPTIONIST")
    assert "has not begun" in desk.post(f"/visits/{visit.id}/no-show", data={"reason": ""}).text
    begin_now(visit)
    assert desk.post(f"/visits/{visit.id}/no-show", data={"reason": "No answer"}).status_code == 302
    assert (visit.status, history_of(visit.id)[-1].reason) == ("NO_SHOW", "No answer")


@pytest.mark.parametrize("act", ["cancel", "decline", "no-show", "move", "follow-up"])
def test_an_auditor_does_none_of_it(visitor: Callable[..., Any], act: str) -> None:
    assert visitor("SYSTEM_AUDITOR").get(f"/visits/{make_appointment().id}/{act}").status_code == 403


def test_requests_of_patients_wait_on_a_page_and_are_approved_or_declined(
    in_clinic: Any, caller: Callable[..., Any], visitor: Callable[..., Any]
) -> None:
    set_settings(in_clinic.id, approval_required=True)
    me, doctor = make_patient(first_name="Zubeida"), make_open_doctor()
    asked = {"doctorId": doctor.id, "type": "IN_PERSON"}
    patient = caller("PATIENT", patient_id=me.id)
    for hour in (10, 11):
        made = patient.post("/appointments", json={**asked, "startsAt": local(tomorrow(), hour).isoformat()})
        assert (made.status_code, made.json["status"]) == (201, "REQUESTED")
    first, second = db.session.scalars(select(Appointment).order_by(Appointment.starts_at))
    assert count_requests() == 2
    desk = visitor("RECEPTIONIST")
    page = desk.get("/visit-requests/").text
    assert page.index(first.id) < page.index(second.id) and "Zubeida" in page
    desk.post("/visit-requests/approve", data={"appointment": first.id})
    desk.post(f"/visits/{second.id}/decline", data={"reason": "The doctor is away"})
    assert (first.status, second.status) == ("CONFIRMED", "DECLINED")
    assert history_of(second.id)[-1].reason == "The doctor is away"
    assert count_requests() is None
    again = desk.post("/visit-requests/approve", data={"appointment": first.id}, follow_redirects=True)
    assert "Only a requested visit can be approved." in again.text


def test_a_clinic_that_approves_nothing_counts_nothing(visitor: Callable[..., Any]) -> None:
    in_status("REQUESTED")
    assert count_requests() is None
    assert visitor("NURSE").get("/visit-requests/").status_code == 403
