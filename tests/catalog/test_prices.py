"""What a visit costs: the most specific price, its tax, follow-ups, and what a clinic may write into its catalogue."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.catalog.models import ServicePrice, TaxRate
from app.catalog.queries import (
    VISIT_BUFFERS,
    NoPrice,
    VisitPrice,
    VisitPrices,
    fees_of_doctor,
    find_tax,
    get_service,
    price_of_visit,
)
from app.catalog.services import remove_price, save_price, save_tax
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from tests.factories.access import make_clinic
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.people import make_doctor
from tests.statements import recorded_statements


def amount(doctor_id: str, type: str) -> str:
    return str(price_of_visit(doctor_id, type).unit_price.major)


def buffers(doctor_id: str, type: str) -> tuple[int, int] | None:
    row = db.session.execute(VISIT_BUFFERS, {"doctor": doctor_id, "type": type}).one_or_none()
    return tuple(row) if row else None


def test_the_most_specific_price_wins(in_clinic: Any) -> None:
    rao, sen, service = make_doctor().id, make_doctor().id, make_service()
    make_price(service, "100")
    assert (amount(rao, "IN_PERSON"), amount(sen, "VIDEO_CALL")) == ("100.00", "100.00")
    make_price(service, "200", appointment_type="VIDEO_CALL")
    assert (amount(rao, "VIDEO_CALL"), amount(rao, "IN_PERSON")) == ("200.00", "100.00")
    make_price(service, "300", doctor_id=rao)
    assert (amount(rao, "VIDEO_CALL"), amount(sen, "VIDEO_CALL")) == ("300.00", "200.00")
    make_price(service, "400", doctor_id=rao, appointment_type="VIDEO_CALL")
    assert (amount(rao, "VIDEO_CALL"), amount(rao, "IN_PERSON")) == ("400.00", "300.00")
    assert fees_of_doctor(rao, ["IN_PERSON", "VIDEO_CALL"]).keys() == {"IN_PERSON", "VIDEO_CALL"}


def test_many_prices_are_one_statement_and_what_each_one_is_alone(in_clinic: Any) -> None:
    rao, sen, service = make_doctor().id, make_doctor().id, make_service()
    make_price(service, "200", appointment_type="VIDEO_CALL")
    make_price(service, "300", doctor_id=rao)
    make_price(service, "400", doctor_id=rao, appointment_type="VIDEO_CALL")
    with tenant_scope(make_clinic().id), unit_of_work():
        make_price(make_service(), "999")
    wanted = [(doctor, type) for doctor in (rao, sen) for type in ("IN_PERSON", "VIDEO_CALL", "HOME_VISIT")]
    with recorded_statements() as sent:
        prices = VisitPrices(wanted)
        found = {pair: price_or_none(prices, *pair) for pair in wanted}
    assert len(sent) == 1
    assert found == {pair: price_or_none(VisitPrices(), *pair) for pair in wanted}
    assert [price and str(price.unit_price.major) for price in found.values()] == [
        "300.00", "400.00", "300.00", None, "200.00", None
    ]  # fmt: skip


def price_or_none(prices: VisitPrices, doctor_id: str, type: str) -> VisitPrice | None:
    try:
        return prices.price_of_visit(doctor_id, type)
    except NoPrice:
        return None


def test_a_price_comes_with_its_service_and_tax(in_clinic: Any) -> None:
    tax = make_tax(name="GST 18 %", kind="CGST_SGST", percent=Decimal(18))
    service = make_service(code="con", name="Consultation", hsn="999312", tax_rate_id=tax.id)
    make_price(service, "500.50")
    price = price_of_visit(make_doctor().id, "IN_PERSON")
    assert (price.service_id, price.code, price.name) == (service.id, "CON", "Consultation")
    assert price.unit_price == Money(50050, "INR")
    assert price.tax is not None
    assert (price.tax.id, price.tax.name, price.tax.hsn) == (tax.id, "GST 18 %", "999312")
    assert price.tax.components == (("CGST", Decimal(9)), ("SGST", Decimal(9)))
    assert find_tax(service) == price.tax


def test_only_visits_on_offer_price_a_visit(in_clinic: Any) -> None:
    doctor = make_doctor().id
    make_price(make_service(visit=False), "100")
    make_price(make_service(active=False), "200")
    with pytest.raises(NoPrice):
        price_of_visit(doctor, "IN_PERSON")
    assert fees_of_doctor(doctor, ["IN_PERSON"]) == {}
    assert buffers(doctor, "IN_PERSON") is None


def test_another_clinics_prices_do_not_count(in_clinic: Any, other_clinic: Any) -> None:
    doctor = make_doctor().id
    with tenant_scope(other_clinic.id):
        theirs = make_service()
        make_price(theirs, "100")
        theirs_id = theirs.id
    with pytest.raises(NoPrice):
        price_of_visit(doctor, "IN_PERSON")
    with pytest.raises(NotFound):
        get_service(theirs_id)


@pytest.mark.parametrize(
    ("visited_on", "on", "cost", "follow_up"),
    [
        (None, date(2026, 11, 20), "500.00", False),
        (date(2026, 11, 13), date(2026, 11, 20), "150.00", True),
        (date(2026, 11, 20), date(2026, 11, 20), "150.00", True),
        (date(2026, 11, 12), date(2026, 11, 20), "500.00", False),
        (date(2026, 11, 21), date(2026, 11, 20), "500.00", False),
    ],
)
def test_a_follow_up_within_its_days_costs_less(
    in_clinic: Any, visited_on: date | None, on: date, cost: str, follow_up: bool
) -> None:
    make_price(make_service(follow_up_days=7), "500", follow_up="150")
    price = price_of_visit(make_doctor().id, "IN_PERSON", visited_on=visited_on, on=on)
    assert (str(price.unit_price.major), price.follow_up) == (cost, follow_up)


def test_without_a_follow_up_price_a_follow_up_costs_the_same(in_clinic: Any) -> None:
    make_price(make_service(follow_up_days=7), "500")
    day = date(2026, 11, 20)
    assert price_of_visit(make_doctor().id, "IN_PERSON", visited_on=day, on=day).unit_price == Money(50000, "INR")


def test_buffers_are_those_of_the_service_that_is_the_visit(in_clinic: Any) -> None:
    doctor = make_doctor().id
    make_price(make_service(buffer_before_minutes=5, buffer_after_minutes=10), "500", appointment_type="HOME_VISIT")
    assert buffers(doctor, "HOME_VISIT") == (5, 10)
    assert buffers(doctor, "IN_PERSON") is None


def test_prices_are_in_the_clinics_currency_to_its_last_decimal(app_context: Any) -> None:
    clinic = make_clinic(settings={"currency": "KWD"})
    with tenant_scope(clinic.id):
        make_price(amount="12.345")
        assert price_of_visit(make_doctor().id, "IN_PERSON").unit_price == Money(12345, "KWD")


@pytest.mark.parametrize("written", ["-1", "10.001", "ten", "", "1e3", "NaN", "99999999999999999"])
def test_what_is_no_price_is_refused(in_clinic: Any, written: str) -> None:
    service = make_service()
    with pytest.raises(Invalid) as caught, unit_of_work():
        save_price(ServicePrice(service_id=service.id), written)
    assert list(caught.value.fields or {}) == ["price"]
    assert db.session.scalars(select(ServicePrice)).all() == []


def test_one_price_per_service_doctor_and_type(in_clinic: Any) -> None:
    service = make_service()
    make_price(service, "100")
    with pytest.raises(IntegrityError, match="uq_service_price"):
        make_price(service, "200")


def test_a_price_cannot_refer_to_another_clinics_doctor(in_clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        theirs = make_doctor().id
    with pytest.raises(IntegrityError, match="fk_service_price_doctor_id"):
        make_price(make_service(), "100", doctor_id=theirs)


@pytest.mark.parametrize(
    ("kind", "percent"), [("EXEMPT", "5"), ("VAT", "0"), ("VAT", "-1"), ("VAT", "101"), ("IGST", "1.2345")]
)
def test_a_rate_that_its_kind_cannot_have_is_refused(in_clinic: Any, kind: str, percent: str) -> None:
    with pytest.raises(Invalid) as caught, unit_of_work():
        save_tax(TaxRate(name="Odd", kind=kind, percent=Decimal(percent)))
    assert list(caught.value.fields or {}) == ["percent"]


def test_the_catalogues_changes_are_events(in_clinic: Any) -> None:
    make_tax()
    price = make_price()
    with unit_of_work():
        remove_price(price)
    types = db.session.scalars(select(EventRecord.type).order_by(EventRecord.id))
    assert list(types) == [
        "catalog.tax.updated",
        "catalog.service.updated",
        "catalog.price.updated",
        "catalog.price.deleted",
    ]
    with pytest.raises(NotFound):
        get_service(new_id())
