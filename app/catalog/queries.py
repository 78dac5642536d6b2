"""What a visit costs, with which tax, and how long around it the doctor is busy."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import String, Uuid, bindparam, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.models import Service, ServicePrice, TaxRate
from app.catalog.tax import TaxRule, components_of
from app.core.errors import Conflict, NotFound
from app.core.money import Money
from app.core.tenant import db, scoped
from app.people.models import AppointmentType


class NoPrice(Conflict):
    """The clinic has not priced this kind of visit."""

    code = "NO_PRICE"
    message = _("There is no price for this kind of visit. Ask the clinic to set one.")


@dataclass(frozen=True, slots=True)
class VisitPrice:
    """The service that a visit is, its price before tax and its tax."""

    service_id: str
    name: str
    code: str
    unit_price: Money
    tax: TaxRule | None
    follow_up: bool = False


def price_of_visit(
    doctor_id: str, appointment_type: str, *, visited_on: date | None = None, on: date | None = None
) -> VisitPrice:
    """The most specific price: doctor and type, then doctor, then type, then the clinic's. Raises NoPrice.

    With `visited_on`, the date of the last visit to this doctor, a visit `on` a date within the service's follow-up
    days costs its follow-up price.
    """
    row = _price_row(doctor_id, appointment_type)
    if row is None:
        raise NoPrice
    return _visit_price(row, visited_on, on)


class VisitPrices:
    """The prices of many visits in one transaction: each doctor and type is looked up once, those that are known
    beforehand together.
    """

    def __init__(self, expected: Iterable[tuple[str, str]] = ()) -> None:
        self._rows: dict[tuple[str, str], Any] = _price_rows(set(expected))

    def price_of_visit(
        self, doctor_id: str, appointment_type: str, *, visited_on: date | None = None, on: date | None = None
    ) -> VisitPrice:
        """As the function of that name. Raises NoPrice."""
        key = doctor_id, appointment_type
        if key not in self._rows:
            self._rows[key] = _price_row(*key)
        if self._rows[key] is None:
            raise NoPrice
        return _visit_price(self._rows[key], visited_on, on)


def _visit_price(row: Any, visited_on: date | None = None, on: date | None = None) -> VisitPrice:
    price, service = row.ServicePrice, row.Service
    follow_up = price.follow_up_price_minor is not None and _within_follow_up(service, visited_on, on)
    amount = price.follow_up_price_minor if follow_up else price.price_minor
    tax = rule_of(row.TaxRate, service.hsn) if row.TaxRate else None
    return VisitPrice(service.id, service.name, service.code, Money(amount, price.currency), tax, follow_up)


def fees_of_doctor(doctor_id: str, types: list[str]) -> dict[str, VisitPrice]:
    """What a doctor's visits cost, for each of the types that is priced."""
    rows = {type: _price_row(doctor_id, type) for type in AppointmentType if type in types}
    return {type.value: _visit_price(row) for type, row in rows.items() if row}


def get_service(service_id: str) -> Service:
    """Raises NotFound."""
    service = db.session.scalar(select(Service).where(Service.id == service_id))
    if service is None:
        raise NotFound
    return service


def find_tax(service: Service) -> TaxRule | None:
    return rule_of(service.tax_rate, service.hsn) if service.tax_rate else None


def rule_of(rate: TaxRate, hsn: str = "") -> TaxRule:
    return TaxRule(rate.id, rate.name, components_of(rate.kind, rate.percent), hsn)


def _price_row(doctor_id: str, appointment_type: str) -> Any:
    return db.session.execute(_PRICES, {"doctor": doctor_id, "type": appointment_type}).one_or_none()


def _price_rows(wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """For each doctor and type as _price_row()."""
    rows: dict[tuple[str, str], Any] = dict.fromkeys(wanted)
    if rows:
        doctors, types = zip(*rows, strict=True)
        for row in db.session.execute(_PRICES_OF_MANY, {"doctors": list(doctors), "types": list(types)}):
            rows[row.doctor, row.type] = row
    return rows


def _most_specific(wanted: Any, doctor: Any = bindparam("doctor"), type: Any = bindparam("type")) -> Any:  # noqa: B008
    """The first price that fits the doctor and the type of the visit: parameters, or columns."""
    return (
        wanted.where(
            Service.visit.is_(True),
            Service.active.is_(True),
            (ServicePrice.doctor_id == doctor) | ServicePrice.doctor_id.is_(None),
            (ServicePrice.appointment_type == type) | ServicePrice.appointment_type.is_(None),
        )
        .order_by(ServicePrice.doctor_id.is_(None), ServicePrice.appointment_type.is_(None), Service.code)
        .limit(1)
    )


def _sold(wanted: Any) -> Any:
    """With the price's service and its tax."""
    with_service = wanted.join(Service, Service.id == ServicePrice.service_id)
    return with_service.outerjoin(TaxRate, TaxRate.id == Service.tax_rate_id)


_PRICES = scoped(_most_specific(_sold(select(ServicePrice, Service, TaxRate).select_from(ServicePrice))))
_asked = (
    func.unnest(cast(bindparam("doctors"), ARRAY(Uuid(as_uuid=False))), cast(bindparam("types"), ARRAY(String)))
    .table_valued(column("doctor", Uuid(as_uuid=False)), column("type", String))
    .render_derived(name="asked")
)
_found = _most_specific(
    select(ServicePrice.id).join(Service, Service.id == ServicePrice.service_id), _asked.c.doctor, _asked.c.type
).lateral("found")
_PRICES_OF_MANY = scoped(
    _sold(
        select(_asked.c.doctor, _asked.c.type, ServicePrice, Service, TaxRate)
        .select_from(_asked)
        .join(_found, true())
        .join(ServicePrice, ServicePrice.id == _found.c.id)
    )
)
# Minutes before and after a visit that its service keeps free, to be joined to what else is asked; no row where the
# visit is not priced.
VISIT_BUFFERS = _most_specific(
    select(Service.buffer_before_minutes, Service.buffer_after_minutes)
    .select_from(ServicePrice)
    .join(Service, Service.id == ServicePrice.service_id)
)


def _within_follow_up(service: Service, visited_on: date | None, on: date | None) -> bool:
    if visited_on is None or on is None or not service.follow_up_days:
        return False
    return visited_on <= on <= visited_on + timedelta(days=service.follow_up_days)
