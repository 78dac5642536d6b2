"""What the address of a list says, read as values of the columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.core.views.datamodel import ScopedInterface
from app.core.views.filters import read_value
from app.people.models import Patient
from app.scheduling.models import Appointment
from tests.factories.access import set_settings
from tests.factories.people import make_patient


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("is_boolean", "y", True),
        ("is_boolean", "False", False),
        ("is_boolean", "maybe", None),
        ("is_integer", " 12 ", 12),
        ("is_integer", "9" * 30, None),
        ("is_integer", "1.5", None),
        ("is_numeric", "1.50", Decimal("1.50")),
        ("is_numeric", "nan", None),
        ("is_date", "2026-03-01", date(2026, 3, 1)),
        ("is_date", "no day", None),
        ("is_string", "abc", "abc"),
    ],
)
def test_a_text_is_read_as_the_column_means_it(app_context: Any, kind: str, text: str, value: object) -> None:
    class Column:
        def __getattr__(self, test: str) -> Any:
            return lambda name: test == kind

    assert read_value(Column(), "any", text) == value


def test_a_moment_without_a_zone_is_the_clinics(app: Any, in_clinic: Any) -> None:
    set_settings(in_clinic.id, zone="Asia/Kolkata")
    with app.test_request_context():
        read = read_value(ScopedInterface(Appointment), "starts_at", "2026-03-01 09:00")
    assert read == datetime(2026, 3, 1, 3, 30, tzinfo=UTC)  # Asia/Kolkata is +05:30


def test_signs_of_a_pattern_are_text(client_as: Any, in_clinic: Any) -> None:
    make_patient(first_name="Percy", last_name="Underscore", city="100%town")
    make_patient(first_name="Other", last_name="Person", city="100 town")
    from app.core.tenant import db
    from app.core.views.filters import FilterContains

    found = FilterContains("city", ScopedInterface(Patient)).apply(db.session.query(Patient), "0%t").all()
    assert {patient.city for patient in found} == {"100%town"}


@pytest.mark.parametrize("role", ["PHARMACIST", "RECEPTIONIST", "INVENTORY_MANAGER", "ACCOUNTANT"])
def test_a_list_of_patients_leaves_only_with_leave_to_export(client_as: Any, in_clinic: Any, role: str) -> None:
    make_patient()
    page = client_as(role).get("/patientview/list/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "/patientview/export" not in page.text
    for screen in ("patientview", "guardianview", "consentview"):
        assert client_as(role).get(f"/{screen}/export").status_code == 403


def test_an_administrator_exports_the_patients(client_as: Any, in_clinic: Any) -> None:
    patient = make_patient()
    client = client_as("CLINIC_ADMIN")
    assert "/patientview/export" in client.get("/patientview/list/", headers={"Accept": "text/html"}).text
    assert patient.mrn in client.get("/patientview/export").text
