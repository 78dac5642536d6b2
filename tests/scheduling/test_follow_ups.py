"""Visits that follow others: linked, and at the price of follow-ups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.services.visits import visit_price
from app.core.state import WrongState
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.scheduling.models import Appointment
from app.scheduling.services import book_follow_up, follow_ups_of
from tests.factories.catalog import make_price, make_service
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def held(**overrides: Any) -> Appointment:
    visit = make_appointment(**overrides)
    with unit_of_work():
        visit.status = "COMPLETED"
    return visit


def in_days(days: int, hour: int = 10) -> str:
    return local(tomorrow() + timedelta(days=days), hour).isoformat()


def test_it_is_the_same_patient_doctor_and_kind_and_is_linked_both_ways(caller: Callable[..., Any]) -> None:
    before, desk = held(), caller("RECEPTIONIST")
    made = desk.post(f"/appointments/{before.id}/follow-up", json={"startsAt": in_days(7), "notes": "Suture"})
    assert made.status_code == 201
    assert made.json["followUpOf"] == before.id
    assert (made.json["patientId"], made.json["doctorId"]) == (before.patient_id, before.doctor_id)
    assert (made.json["type"], made.json["notes"], made.json["price"]) == ("IN_PERSON", "Suture", None)
    assert desk.get(f"/appointments/{made.json['id']}").json["followUpOf"] == before.id
    assert [visit.id for visit in follow_ups_of(before.id)] == [made.json["id"]]
    wanted = select(EventRecord).where(EventRecord.type == "appointment.follow_up.created")
    assert db.session.scalars(wanted).one().payload["followUpOfId"] == before.id


@pytest.mark.parametrize(("days", "cheaper"), [(7, True), (20, False)])
def test_it_costs_the_follow_up_price_within_the_services_days(
    caller: Callable[..., Any], days: int, cheaper: bool
) -> None:
    service = make_service(visit=True, follow_up_days=14)
    make_price(service, "800.00", follow_up="200.00")
    before = held()
    made = caller("DOCTOR").post(f"/appointments/{before.id}/follow-up", json={"startsAt": in_days(days)}).json
    assert (made["price"], made["followUpPrice"]) == ((200, True) if cheaper else (800, False))
    billed = visit_price(db.session.get_one(Appointment, made["id"]))
    assert billed.unit_price.minor == (20_000 if cheaper else 80_000)


def test_a_visit_that_was_not_held_has_none() -> None:
    visit = make_appointment()
    with pytest.raises(WrongState), unit_of_work():
        book_follow_up(visit, local(tomorrow() + timedelta(days=3)))


def test_a_taken_slot_is_refused_as_at_any_booking_and_overbooked_with_the_permission(
    caller: Callable[..., Any],
) -> None:
    doctor = make_open_doctor()
    before = held(doctor=doctor)
    make_appointment(doctor, starts_at=local(tomorrow() + timedelta(days=2), 10))
    wanted = {"startsAt": in_days(2)}
    refused = caller("RECEPTIONIST").post(f"/appointments/{before.id}/follow-up", json=wanted)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "SLOT_TAKEN")
    reason = {"overbookReason": "Wound check between two visits"}
    assert caller("RECEPTIONIST").post(f"/appointments/{before.id}/follow-up", json=wanted | reason).status_code == 403
    made = caller("DOCTOR").post(f"/appointments/{before.id}/follow-up", json=wanted | reason)
    assert (made.status_code, made.json["overbooked"]) == (201, True)


def test_patients_book_none_themselves(caller: Callable[..., Any]) -> None:
    before = held()
    patient = caller("PATIENT", patient_id=before.patient_id)
    assert patient.post(f"/appointments/{before.id}/follow-up", json={"startsAt": in_days(3)}).status_code == 403
