"""A doctor's profile with fees, and the services, over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.access.roles import Role
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import Location
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.people import make_doctor, make_speciality


@pytest.fixture
def doctor_id(clinic: Any) -> str:
    with tenant_scope(clinic.id):
        tax = make_tax(percent=Decimal(18))
        make_price(make_service(code="CON", name="Consultation", tax_rate_id=tax.id), "499.99")
        with unit_of_work():
            location = Location(name="Main")
            db.session.add(location)
        doctor = make_doctor(
            first_name="Anita",
            last_name="Rao",
            types=["IN_PERSON"],
            registration_number="MH-1",
            specialities=(make_speciality(name="Dermatology"),),
            location_ids=(location.id,),
        )
        return doctor.id


@pytest.mark.parametrize("role", list(Role))
def test_everybody_in_the_clinic_may_read_a_profile(client_as: Any, doctor_id: str, role: str) -> None:
    answer = client_as(role).get(f"/api/v1/doctors/{doctor_id}")
    assert answer.status_code == 200
    shown = answer.get_json()
    assert (shown["name"], shown["specialties"], shown["registrationNumber"]) == (
        "Dr Anita Rao",
        ["Dermatology"],
        "MH-1",
    )
    assert [location["name"] for location in shown["locations"]] == ["Main"]
    (fee,) = shown["fees"]
    fee.pop("serviceId")
    assert fee == {
        "type": "IN_PERSON",
        "name": "Consultation",
        "price": 499.99,
        "tax": 90,
        "total": 589.99,
        "currency": "INR",
    }


def test_who_gets_no_profile(app: Any, client_as: Any, other_clinic: Any, doctor_id: str) -> None:
    assert app.test_client().get(f"/api/v1/doctors/{doctor_id}").status_code == 401
    stranger = client_as("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert stranger.get(f"/api/v1/doctors/{doctor_id}").status_code == 404
    assert stranger.get(f"/api/v1/doctors/{new_id()}").status_code == 404
    assert stranger.get("/api/v1/services").get_json()["items"] == []


def test_services_are_listed_by_code(app: Any, client_as: Any, clinic: Any, doctor_id: str) -> None:
    with tenant_scope(clinic.id):
        make_service(code="ABC", name="Dressing", visit=False)
        make_service(code="OLD", active=False)
    client = client_as("PATIENT")
    codes = [item["code"] for item in client.get("/api/v1/services").get_json()["items"]]
    visits = [item["code"] for item in client.get("/api/v1/services?visit=true").get_json()["items"]]
    assert (codes, visits) == (["ABC", "CON"], ["CON"])
    assert app.test_client().get("/api/v1/services").status_code == 401
