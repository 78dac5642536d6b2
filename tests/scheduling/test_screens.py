"""The schedule's screens: lists, forms, steps, charts, and who sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment, AvailabilityException, AvailabilityRule
from app.tenancy.models import Clinic
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import (
    ZONE,
    local,
    make_appointment,
    make_exception,
    make_location,
    make_open_doctor,
    make_rule,
    tomorrow,
)

pytestmark = pytest.mark.usefixtures("in_clinic")

SCREENS = (
    "appointmentview",
    "appointmentchangeview",
    "availabilityruleview",
    "availabilityexceptionview",
    "slotholdview",
)
TYPES = ["IN_PERSON", "VIDEO_CALL"]


def typed(hour: int, minute: int = 0) -> str:
    """As the browser's picker sends it: the clinic's wall clock."""
    return f"{tomorrow().isoformat()}T{hour:02d}:{minute:02d}"


@pytest.mark.parametrize("screen", SCREENS)
def test_every_list_and_chart_opens(visitor: Callable[..., Any], screen: str) -> None:
    visit = make_appointment()
    make_exception(None, "REMOVE", tomorrow())
    admin = visitor("CLINIC_ADMIN")
    assert admin.get(f"/{screen}/list/").status_code == 200
    assert admin.get(f"/{screen}/chart/").status_code == 200
    assert admin.get(f"/{screen}/export").status_code == 200
    assert visit.status == "SCHEDULED"


def test_a_visit_is_booked_on_the_form(visitor: Callable[..., Any]) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    form = {"patient": patient.id, "doctor": doctor.id, "type": "IN_PERSON", "starts_at": typed(10)}
    answer = visitor("RECEPTIONIST").post("/appointmentview/add", data=form)
    assert answer.status_code == 302, answer.text
    visit = db.session.scalars(select(Appointment)).one()
    assert (visit.starts_at, visit.patient_id, visit.status) == (local(tomorrow()), patient.id, "SCHEDULED")


def test_a_taken_slot_is_told_with_what_is_free(visitor: Callable[..., Any]) -> None:
    doctor, patient = make_open_doctor(), make_patient()
    make_appointment(doctor)
    form = {"patient": patient.id, "doctor": doctor.id, "type": "IN_PERSON", "starts_at": typed(10)}
    answer = visitor("RECEPTIONIST").post("/appointmentview/add", data=form)
    assert answer.status_code == 422
    assert "just been taken" in answer.text
    assert "10:15" in answer.text
    assert len(db.session.scalars(select(Appointment)).all()) == 1


def test_a_visit_is_moved_and_annotated_on_the_form(visitor: Callable[..., Any]) -> None:
    visit = make_appointment()
    form = {"doctor": visit.doctor_id, "starts_at": typed(11), "location": "", "notes": "Brings reports"}
    answer = visitor("RECEPTIONIST").post(f"/appointmentview/edit/{visit.id}", data=form)
    assert answer.status_code == 302, answer.text
    assert (visit.starts_at, visit.notes) == (local(tomorrow(), 11), "Brings reports")
    page = visitor("RECEPTIONIST").get(f"/appointmentview/show/{visit.id}").text
    assert "Brings reports" in page
    assert "RESCHEDULED" in page or "Rescheduled" in page


@pytest.mark.parametrize(
    ("step", "status"), [("confirm", "CONFIRMED"), ("cancel", "CANCELLED"), ("start", "SCHEDULED")]
)
def test_steps_are_row_actions(visitor: Callable[..., Any], step: str, status: str) -> None:
    visit = make_appointment()
    visitor("CLINIC_ADMIN").post(f"/appointmentview/action/{step}/{visit.id}")
    assert visit.status == status


def test_a_request_is_declined_by_who_may(visitor: Callable[..., Any]) -> None:
    visit = make_appointment()
    with unit_of_work():
        visit.status = "REQUESTED"
    assert visitor("NURSE").post(f"/appointmentview/action/decline/{visit.id}").status_code == 403
    visitor("RECEPTIONIST").post(f"/appointmentview/action/decline/{visit.id}")
    assert visit.status == "DECLINED"


def test_weekly_hours_are_kept_on_the_form(visitor: Callable[..., Any]) -> None:
    doctor, location, admin = make_doctor(), make_location(), visitor("CLINIC_ADMIN")
    form = {
        "doctor": doctor.id, "location": location.id, "weekday": "2", "opens": "09:00", "closes": "12:30",
        "types": TYPES, "slot_minutes": "", "capacity": "1",
    }  # fmt: skip
    answer = admin.post("/availabilityruleview/add", data=form)
    assert answer.status_code == 302, answer.text
    rule = db.session.scalars(select(AvailabilityRule)).one()
    assert (rule.weekday, rule.opens, rule.closes, rule.types) == (2, time(9), time(12, 30), TYPES)
    assert rule.slot_minutes == 15
    twice = admin.post("/availabilityruleview/add", data={**form, "opens": "12:00", "closes": "13:00"})
    assert (twice.status_code, "Overlaps" in twice.text) == (422, True)
    assert admin.post(f"/availabilityruleview/edit/{rule.id}", data={**form, "closes": "13:00"}).status_code == 302
    assert rule.closes == time(13)
    page = admin.get("/availabilityruleview/list/").text
    assert "Wednesday" in page
    assert admin.post(f"/availabilityruleview/delete/{rule.id}").status_code == 302
    assert db.session.scalars(select(AvailabilityRule)).all() == []


def test_a_holiday_needs_no_doctor_and_extra_hours_do(visitor: Callable[..., Any]) -> None:
    admin = visitor("CLINIC_ADMIN")
    form = {"kind": "REMOVE", "starts_on": str(tomorrow()), "types": TYPES, "capacity": "1", "reason": "Holi"}
    assert admin.post("/availabilityexceptionview/add", data=form).status_code == 302
    holiday = db.session.scalars(select(AvailabilityException)).one()
    assert (holiday.doctor_id, holiday.ends_on, holiday.reason) == (None, tomorrow(), "Holi")
    refused = admin.post("/availabilityexceptionview/add", data={**form, "kind": "ADD"})
    assert (refused.status_code, "hours and a location" in refused.text) == (422, True)


def test_a_patient_sees_their_own_visits(visitor: Callable[..., Any]) -> None:
    me = make_patient(first_name="Zubeida")
    mine, other = make_appointment(patient_id=me.id), make_appointment()
    patient = visitor("PATIENT", patient_id=me.id)
    page = patient.get("/appointmentview/list/").text
    assert (mine.id in page, other.id in page) == (True, False)
    assert patient.get(f"/appointmentview/show/{other.id}").status_code == 404
    assert patient.get("/availabilityruleview/list/").status_code == 200


def test_a_location_head_sees_their_location(visitor: Callable[..., Any]) -> None:
    location = make_location()
    here, elsewhere = make_appointment(make_open_doctor(location)), make_appointment()
    head = visitor("LOCATION_HEAD", location_id=location.id)
    page = head.get("/appointmentview/list/").text
    assert (here.id in page, elsewhere.id in page) == (True, False)
    assert head.get(f"/appointmentview/show/{elsewhere.id}").status_code == 404


def test_screens_of_another_clinics_visit_are_not_found(other_clinic: Clinic, visitor: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        visit_id = make_appointment().id
    admin = visitor("CLINIC_ADMIN")
    assert admin.get(f"/appointmentview/show/{visit_id}").status_code == 404
    assert admin.post(f"/appointmentview/action/cancel/{visit_id}").status_code == 404


def test_a_visit_is_looked_up_by_its_patient(visitor: Callable[..., Any]) -> None:
    from app.scheduling.views.appointments import found_visits

    visit = make_appointment(patient_id=make_patient(first_name="Zubeida", last_name="Khan").id)
    make_appointment()
    assert found_visits("zubei") == [visit]
    assert str(visit) == f"{visit.starts_at.astimezone(ZONE):%d %b %Y} 10:00"
    assert clock.now() < visit.starts_at < clock.now() + timedelta(days=2)


def test_hours_on_screen_are_read_by_the_form(visitor: Callable[..., Any]) -> None:
    rule = make_rule(make_doctor(), make_location(), 0)
    page = visitor("DOCTOR").get(f"/availabilityruleview/edit/{rule.id}").text
    assert 'value="09:00"' in page
    assert "checked" in page
