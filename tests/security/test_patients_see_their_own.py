"""A PATIENT learns nobody else's name: not from a filter's words, not from a form that comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.tenant import db
from app.scheduling.models import Appointment, CancelReason
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import make_appointment

pytestmark = pytest.mark.usefixtures("in_clinic")

STRANGER = {"first_name": "Xanthippe", "last_name": "Quillfeather"}


@pytest.fixture
def me(visitor: Callable[..., Any]) -> Any:
    patient = make_patient()
    person = visitor("PATIENT", patient_id=patient.id)
    person.patient = patient
    return person


def lists_with_a_patient_filter(app: Any) -> list[str]:
    from app.core.views import CrudView

    views = [view for view in app.appbuilder.baseviews if isinstance(view, CrudView)]
    return [view.route_base for view in views if "patient" in (view.search_columns or ())]


def test_a_filter_does_not_say_whose_id_it_holds(app: Any, me: Any) -> None:
    stranger = make_patient(**STRANGER)
    lists = lists_with_a_patient_filter(app)
    told = [path for path in lists if "Xanthippe" in me.get(f"{path}/list/?_flt_0_patient={stranger.id}").text]
    assert len(lists) > 5
    assert told == []


def test_ones_own_name_still_stands_in_the_filter(me: Any) -> None:
    assert me.patient.first_name in me.get(f"/appointmentview/list/?_flt_0_patient={me.patient.id}").text


def test_a_refused_form_does_not_say_whose_id_it_holds(me: Any) -> None:
    stranger = make_patient(**STRANGER)
    answer = me.post("/appointmentview/add", data={"patient": stranger.id, "doctor": make_doctor().id})
    assert answer.status_code == 422
    assert "Xanthippe" not in answer.text


def test_a_patients_notes_are_the_clinics(me: Any) -> None:
    """They may move their visit; what the clinic noted on it is not theirs to change."""
    visit = make_appointment(patient_id=me.patient.id, notes="the clinic's note")
    form = {"doctor": visit.doctor_id, "starts_at": visit.starts_at.isoformat()[:16], "location": visit.location_id}
    me.post(f"/appointmentview/edit/{visit.id}", data={**form, "notes": "overwritten"})
    assert db.session.get_one(Appointment, visit.id, populate_existing=True).notes == "the clinic's note"


@pytest.mark.parametrize("reason", ["UNPAID", "DOCTOR_UNAVAILABLE", "CLINIC_CLOSED", "BOOKED_IN_ERROR"])
def test_a_patient_cancels_for_reasons_of_their_own(caller: Callable[..., Any], reason: str) -> None:
    """The clinic's reasons decide about fees and refunds; UNPAID would let money take the slot back."""
    visit = make_appointment()
    patient = caller("PATIENT", patient_id=visit.patient_id)
    answer = patient.post(f"/appointments/{visit.id}/cancel", json={"reason": reason})
    assert answer.status_code == 200
    assert answer.json["cancelledReason"] == CancelReason.PATIENT_REQUEST


def test_staff_cannot_call_a_cancellation_a_release(caller: Callable[..., Any]) -> None:
    visit = make_appointment()
    answer = caller("RECEPTIONIST").post(f"/appointments/{visit.id}/cancel", json={"reason": "UNPAID"})
    assert answer.json["cancelledReason"] == CancelReason.OTHER


def test_a_location_head_sees_their_location_alone_on_screen_as_over_the_api(
    caller: Callable[..., Any], visitor: Callable[..., Any]
) -> None:
    here, there = make_appointment(), make_appointment()
    head = {"location_id": here.location_id}
    screen, api = visitor("LOCATION_HEAD", **head), caller("LOCATION_HEAD", **head)
    for visit, status in ((here, 200), (there, 404)):
        assert api.get(f"/appointments/{visit.id}").status_code == status
        assert screen.get(f"/appointmentview/show/{visit.id}").status_code == status
    rules = screen.get("/availabilityruleview/export").text
    assert here.location.name in rules
    assert there.location.name not in rules


def test_an_invoice_of_another_location_is_closed_on_screen_too(visitor: Callable[..., Any]) -> None:
    from tests.factories.billing import make_invoice

    own = make_appointment()
    invoice = make_invoice()
    assert invoice.location_id != own.location_id
    head = visitor("LOCATION_HEAD", location_id=own.location_id)
    assert head.get(f"/invoiceview/show/{invoice.id}").status_code == 404
    assert visitor("RECEPTIONIST").get(f"/invoiceview/show/{invoice.id}").status_code == 200
