"""Verbs on services, prices and taxes. Callers commit."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import gettext as _
from pydantic.alias_generators import to_camel

from app.catalog.events import PriceRemoved, PriceSaved, ServiceSaved, TaxSaved
from app.catalog.models import Service, ServicePrice, TaxKind, TaxRate
from app.core.amounts import read_money
from app.core.errors import Invalid
from app.core.tenant import db
from app.events.services import publish
from app.tenancy.queries import settings_in_scope

MOST_DECIMALS = 3
MOST_BUFFER_MINUTES = 240


def save_service(service: Service) -> Service:
    """Record a new or changed service. Raises Invalid."""
    service.code = service.code.strip().upper()
    service.buffer_before_minutes = _minutes(service.buffer_before_minutes, "bufferBeforeMinutes")
    service.buffer_after_minutes = _minutes(service.buffer_after_minutes, "bufferAfterMinutes")
    for name in ("duration_minutes", "follow_up_days"):
        value = getattr(service, name)
        if value is not None and value < 1:
            raise Invalid(fields={to_camel(name): _("This is at least 1, or empty.")})
    db.session.add(service)
    db.session.flush()
    publish(ServiceSaved(service_id=service.id))
    return service


def retire_service(service: Service) -> None:
    """Take a service off the offer; what was billed with it stays."""
    service.active = False
    publish(ServiceSaved(service_id=service.id))


def save_price(price: ServicePrice, amount: Decimal | str, follow_up: Decimal | str | None = None) -> ServicePrice:
    """Record what a service costs, in major units of the clinic's currency, before tax. Raises Invalid."""
    currency = settings_in_scope().currency
    price.price_minor = _price(amount, currency, "price")
    price.follow_up_price_minor = None if follow_up in (None, "") else _price(follow_up, currency, "followUpPrice")
    price.currency = currency
    db.session.add(price)
    db.session.flush()
    publish(PriceSaved(price_id=price.id, service_id=price.service_id))
    return price


def remove_price(price: ServicePrice) -> None:
    publish(PriceRemoved(price_id=price.id, service_id=price.service_id))
    db.session.delete(price)


def save_tax(rate: TaxRate) -> TaxRate:
    """Record a new or changed tax rate. Raises Invalid for a percentage that its kind cannot have."""
    rate.percent = Decimal(rate.percent or 0)
    if (rate.kind == TaxKind.EXEMPT) != (rate.percent == 0) or not 0 <= rate.percent <= 100:
        raise Invalid(fields={"percent": _("An exempt rate is 0 %%, any other above 0 and up to 100 %%.")})
    if rate.percent != round(rate.percent, MOST_DECIMALS):
        raise Invalid(fields={"percent": _("A rate has at most %(places)s decimals.", places=MOST_DECIMALS)})
    db.session.add(rate)
    db.session.flush()
    publish(TaxSaved(tax_rate_id=rate.id))
    return rate


def _minutes(value: int | None, field: str) -> int:
    if not 0 <= (value or 0) <= MOST_BUFFER_MINUTES:
        raise Invalid(fields={field: _("This is 0 to %(most)s minutes.", most=MOST_BUFFER_MINUTES)})
    return value or 0


def _price(amount: Decimal | str | None, currency: str, field: str) -> int:
    minor = read_money(amount, currency, field).minor
    if minor < 0:
        raise Invalid(fields={field: _("A price is not negative.")})
    return minor
