"""The screens of services, prices and taxes, by their forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.catalog.models import Service, ServicePrice, TaxRate
from app.core.tenant import db, tenant_scope
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.people import make_doctor

CONSULTATION = {
    "code": "con",
    "name": "Consultation",
    "description": "",
    "visit": "y",
    "tax_rate": "",
    "hsn": "999312",
    "duration_minutes": "",
    "buffer_before_minutes": "0",
    "buffer_after_minutes": "5",
    "follow_up_days": "7",
    "active": "y",
}


@pytest.fixture
def finance(console_as: Any) -> Any:
    return console_as("FINANCE_BILLING")


def one(clinic: Any, model: Any) -> Any:
    with tenant_scope(clinic.id):
        row = db.session.scalars(select(model)).one()
        db.session.expunge_all()
    return row


def test_a_service_is_made_with_its_tax_and_price(finance: Any, clinic: Any) -> None:
    tax = {"name": "GST 18 %", "kind": "CGST_SGST", "percent": "18", "active": "y"}
    assert finance.post("/taxrateview/add", data=tax).status_code == 302
    rate = one(clinic, TaxRate)
    assert rate.percent == Decimal(18)
    assert finance.post("/serviceview/add", data={**CONSULTATION, "tax_rate": rate.id}).status_code == 302
    service = one(clinic, Service)
    assert (service.code, service.tax_rate_id, service.buffer_after_minutes) == ("CON", rate.id, 5)
    price = {
        "service": service.id,
        "doctor": "",
        "appointment_type": "VIDEO_CALL",
        "price": "499.50",
        "follow_up_price": "",
    }
    answer = finance.post("/servicepriceview/add", data=price)
    assert answer.status_code == 302, answer.text
    row = one(clinic, ServicePrice)
    assert (row.price_minor, row.follow_up_price_minor, row.currency) == (49950, None, "INR")
    assert "499.50" in finance.get(answer.location).text
    assert 'value="499.50"' in finance.get(f"/servicepriceview/edit/{row.id}").text
    changed = finance.post(f"/servicepriceview/edit/{row.id}", data={**price, "follow_up_price": "100", "price": "600"})
    assert changed.status_code == 302, changed.text
    row = one(clinic, ServicePrice)
    assert (row.price_minor, row.follow_up_price_minor) == (60000, 10000)
    assert "Video" in finance.get("/servicepriceview/list/").text


@pytest.mark.parametrize("price", ["-1", "1.234", "a lot", ""])
def test_a_price_that_is_none_is_told(finance: Any, clinic: Any, price: str) -> None:
    with tenant_scope(clinic.id):
        service = make_service().id
    form = {"service": service, "doctor": "", "appointment_type": "", "price": price, "follow_up_price": ""}
    assert finance.post("/servicepriceview/add", data=form).status_code == 422
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(ServicePrice)).all() == []


def test_a_second_price_for_the_same_is_told(finance: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        service, doctor = make_service(), make_doctor().id
        make_price(service, doctor_id=doctor)
        service_id = service.id
    form = {"service": service_id, "doctor": doctor, "appointment_type": "", "price": "1", "follow_up_price": ""}
    assert finance.post("/servicepriceview/add", data=form).status_code == 422
    assert one(clinic, ServicePrice).price_minor == 50000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration_minutes", "0"),
        ("buffer_before_minutes", "-5"),
        ("buffer_after_minutes", "241"),
        ("follow_up_days", "0"),
    ],
)
def test_a_service_with_impossible_minutes_is_told(finance: Any, clinic: Any, field: str, value: str) -> None:
    answer = finance.post("/serviceview/add", data={**CONSULTATION, field: value})
    assert answer.status_code == 422
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Service)).all() == []


def test_a_rate_that_its_kind_cannot_have_is_told(finance: Any) -> None:
    form = {"name": "None", "kind": "EXEMPT", "percent": "5", "active": "y"}
    answer = finance.post("/taxrateview/add", data=form)
    assert (answer.status_code, "exempt rate is 0" in answer.text) == (422, True)


def test_what_is_deleted(console_as: Any, clinic: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    with tenant_scope(clinic.id):
        tax = make_tax()
        service = make_service(tax_rate_id=tax.id)
        price = make_price(service)
        ids = service.id, price.id, tax.id
    assert admin.post(f"/taxrateview/delete/{ids[2]}").status_code == 302
    assert one(clinic, TaxRate).id == ids[2]
    assert admin.post(f"/serviceview/delete/{ids[0]}").status_code == 302
    assert one(clinic, Service).active is False
    assert admin.post(f"/servicepriceview/delete/{ids[1]}").status_code == 302
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(ServicePrice)).all() == []


def test_a_receptionist_reads_prices_and_changes_none(console_as: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        price = make_price().id
    desk = console_as("RECEPTIONIST")
    assert desk.get("/servicepriceview/list/").status_code == 200
    for path in (f"edit/{price}", "add"):
        assert desk.get(f"/servicepriceview/{path}").status_code == 403
    assert desk.post(f"/servicepriceview/delete/{price}").status_code == 403
    assert console_as("PHARMACIST").get("/taxrateview/list/").status_code == 403


@pytest.mark.parametrize("screen", ["serviceview", "servicepriceview", "taxrateview"])
def test_charts_answer_with_and_without_rows(finance: Any, clinic: Any, screen: str) -> None:
    assert finance.get(f"/{screen}/chart/").status_code == 200
    with tenant_scope(clinic.id):
        make_price(make_service(tax_rate_id=make_tax().id), "250")
    assert finance.get(f"/{screen}/chart/").status_code == 200
