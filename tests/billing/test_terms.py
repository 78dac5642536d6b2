"""What is said before booking and before cancelling is what is charged afterwards, to the paisa."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice, VisitFee
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.models import Message
from app.scheduling.queries import lock_appointment
from app.scheduling.services import approve_appointment, cancel_appointment
from app.scheduling.services.offers import offer_slot
from tests.api_caller import scope_kept
from tests.factories.access import set_settings
from tests.factories.billing import make_priced_doctor, make_priced_visit
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow
from tests.factories.waiting import make_waiting_list_entry

Api = Callable[..., tuple[int, Any]]
ApiAs = Callable[..., Api]

pytestmark = pytest.mark.usefixtures("in_clinic")

ALL_FEES = {
    "deposit_percent": 30,
    "late_cancel_fee_percent": 25,
    "late_cancel_fee_hours": 48,
    "no_show_fee_percent": 50,
}


def terms(api: ApiAs, doctor_id: str, *, role: str = "RECEPTIONIST", type: str = "IN_PERSON", more: str = "") -> Any:
    return api(role)("GET", f"/doctors/{doctor_id}/booking-terms?type={type}{more}")


def test_a_clinic_that_asks_nothing_says_so(api: ApiAs) -> None:
    status, told = terms(api, make_priced_doctor("800.00").id)
    assert (status, told) == (200, {
        "price": 800, "deposit": 0, "payWithinMinutes": None, "lateCancelFee": 0, "lateCancelHours": None,
        "noShowFee": 0, "currency": "INR",
    })  # fmt: skip


def test_the_terms_are_the_clinics(in_clinic: Any, api: ApiAs) -> None:
    set_settings(in_clinic.id, **ALL_FEES)
    doctor = make_priced_doctor("800.00")
    told = terms(api, doctor.id, role="PATIENT")[1]
    assert (told["price"], told["deposit"], told["lateCancelFee"], told["noShowFee"]) == (800, 240, 200, 400)
    assert (told["payWithinMinutes"], told["lateCancelHours"]) == (15, 48)
    assert terms(api, doctor.id, type="VIDEO_CALL")[1]["deposit"] == 800


def test_without_a_price_there_are_no_terms(api: ApiAs) -> None:
    status, told = terms(api, make_appointment().doctor_id)
    assert (status, told["error"]["code"]) == (409, "NO_PRICE")


def test_nobody_learns_of_other_patients_follow_ups(api: ApiAs) -> None:
    other = make_patient()
    assert terms(api, make_priced_doctor("800.00").id, role="PATIENT", more=f"&patientId={other.id}")[0] == 404


def test_what_cancelling_costs_is_told_and_then_charged(in_clinic: Any, api: ApiAs) -> None:
    set_settings(in_clinic.id, **ALL_FEES)
    soon, far = (
        make_priced_visit("800.00", percent="18"),
        make_priced_visit("800.00", starts_at=local(tomorrow() + timedelta(days=9))),
    )
    mine = api("PATIENT", patient_id=soon.patient_id)
    told = mine("GET", f"/appointments/{soon.id}/cancellation-terms")[1]
    assert (told["cancelFee"], told["noShowFee"]) == (236, 472)
    assert told["lateFrom"] == (soon.starts_at - timedelta(hours=48)).isoformat()
    assert mine("GET", f"/appointments/{far.id}/cancellation-terms")[0] == 404
    assert api("RECEPTIONIST")("GET", f"/appointments/{far.id}/cancellation-terms")[1]["cancelFee"] == 0
    with unit_of_work():
        cancel_appointment(lock_appointment(soon.id), "PATIENT_REQUEST")
    fee = db.session.scalars(select(VisitFee)).one()
    assert db.session.get_one(Invoice, fee.invoice_id).total.to_json() == told["cancelFee"]


def test_a_request_costs_nothing_to_take_back(in_clinic: Any, api: ApiAs) -> None:
    set_settings(in_clinic.id, approval_required=True, **ALL_FEES)
    patient, doctor = make_patient(), make_priced_doctor("800.00")
    mine = api("PATIENT", patient_id=patient.id)
    body = {"doctorId": doctor.id, "type": "IN_PERSON", "startsAt": local(tomorrow()).isoformat()}
    asked = mine("POST", "/appointments", body)[1]
    address = f"/appointments/{asked['id']}/cancellation-terms"
    assert (asked["status"], mine("GET", address)[1]["cancelFee"]) == ("REQUESTED", 0)
    with unit_of_work():
        approve_appointment(lock_appointment(asked["id"]))
    assert mine("GET", address)[1]["cancelFee"] == 200


# ---- on the screens ----


def test_the_desk_reads_the_terms_before_it_books_and_before_it_cancels(
    in_clinic: Any, visitor: Callable[..., Any]
) -> None:
    set_settings(in_clinic.id, **ALL_FEES)
    visit, desk = make_priced_visit("800.00"), visitor("RECEPTIONIST")
    times = f"/desk/patients/{visit.patient_id}/times?doctorId={visit.doctor_id}"
    for address in (times, f"/calendar/new?doctorId={visit.doctor_id}"):
        page = desk.get(address).text.replace("\u00a0", " ")
        assert ("48 hours" in page, "₹ 200.00" in page, "₹ 400.00" in page) == (True, True, True), address
    for address in (f"/desk/visits/{visit.id}", f"/visits/{visit.id}/cancel"):
        assert "costs ₹ 200.00" in desk.get(address).text.replace("\u00a0", " "), address
    set_settings(in_clinic.id, late_cancel_fee_percent=0, no_show_fee_percent=0)
    for address in (times, f"/desk/visits/{visit.id}"):
        page = desk.get(address).text
        assert ("data-fees" in page, "costs ₹" in page) == (False, False), address


def test_who_is_offered_a_slot_reads_what_it_costs(app: Any, in_clinic: Any) -> None:
    set_settings(in_clinic.id, **ALL_FEES)
    doctor = make_priced_doctor("800.00")
    make_waiting_list_entry(doctor, patient_id=make_patient(phone="+919845000009").id)
    with unit_of_work():
        offer_slot(doctor.id, local(tomorrow()))
    link = db.session.scalars(select(Message)).one().variables["link"]
    with scope_kept():
        page = app.test_client().get(link[link.index("/offer/") :]).text.replace("\u00a0", " ")
    assert ("₹ 800.00" in page, "₹ 240.00 within 15 minutes" in page, "₹ 400.00" in page) == (True, True, True)
