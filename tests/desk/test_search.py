"""The search box: who is found, by what, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from app.billing.models import Invoice
from tests.desk.conftest import Screen
from tests.factories.billing import make_invoice
from tests.factories.people import make_patient


def titles(screen: Screen, text: str) -> list[str]:
    answer = screen.page(f"/console/search?q={text}")
    assert answer.status_code == 200
    return [item["title"] for item in answer.get_json()["items"] if item["kind"] != "register"]


@pytest.fixture
def meera(in_clinic: Any) -> Any:
    return make_patient(first_name="Meera", last_name="Iyer", phone="+919845012345", date_of_birth="1985-07-20")


@pytest.mark.parametrize("text", ["meera", "iyer me", "98450 12345", "1985-07-20"])
def test_a_patient_is_found_by_anything_one_knows(desk: Screen, meera: Any, text: str) -> None:
    make_patient(first_name="Arjun", last_name="Patel")
    assert titles(desk, text) == ["Meera Iyer"]


def test_a_patient_is_found_by_record_number_and_shown_with_what_tells_them_apart(desk: Screen, meera: Any) -> None:
    item = desk.page(f"/console/search?q={meera.mrn}").get_json()["items"][0]
    assert item["title"] == "Meera Iyer"
    assert item["subtitle"] == f"{meera.mrn} · +91 98450 12345 · 20 Jul 1985"
    assert item["url"] == f"/desk/?patient={meera.id}"


def test_an_invoice_is_found_by_its_number_long_or_short(desk: Screen, in_clinic: Any) -> None:
    invoice: Invoice = make_invoice("500.00")
    number = str(invoice.number)
    assert titles(desk, number.lower()) == [number]
    assert titles(desk, f"INV {int(number.rpartition('/')[2])}") == [number]


def test_whoever_is_not_found_can_be_registered(desk: Screen, screen_of: Any) -> None:
    items = desk.page("/console/search?q=nobody").get_json()["items"]
    assert [item["url"] for item in items] == ["/desk/?register"]
    assert screen_of("ACCOUNTANT").page("/console/search?q=nobody").get_json() == {"items": []}


def test_a_letter_is_not_enough(desk: Screen, meera: Any) -> None:
    assert desk.page("/console/search?q=m").get_json() == {"items": []}


def test_roles_without_the_desk_are_sent_to_the_record(screen_of: Any, meera: Any) -> None:
    item = screen_of("FINANCE_BILLING").page("/console/search?q=meera").get_json()["items"][0]
    assert item["url"] == f"/patientview/show/{meera.id}"


def test_a_role_without_invoices_finds_none(screen_of: Any) -> None:
    number = make_invoice("500.00").number
    assert titles(screen_of("LAB_TECHNICIAN"), str(number)) == []


def test_a_patient_finds_only_themselves(screen_of: Any, meera: Any) -> None:
    make_patient(first_name="Meera", last_name="Rao")
    assert titles(screen_of("PATIENT", patient_id=meera.id), "meera") == ["Meera Iyer"]
    assert titles(screen_of("PATIENT", patient_id=meera.id), str(make_invoice("500.00").number)) == []


def test_another_clinic_finds_nobody(screen_of: Any, other_clinic: Any, meera: Any) -> None:
    assert titles(screen_of("RECEPTIONIST", clinic_id=other_clinic.id), "meera") == []


def test_an_anonymous_visitor_is_told_so_in_json(app: Any) -> None:
    answer = app.test_client().get("/console/search?q=meera")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "UNAUTHORIZED")
