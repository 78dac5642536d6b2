"""Events of services, prices and taxes."""

from __future__ import annotations

from app.events.base import Category, Event


class ServiceSaved(Event):
    type = "catalog.service.updated"
    category = Category.BILLING
    subject = "service_id"
    service_id: str


class PriceSaved(Event):
    type = "catalog.price.updated"
    category = Category.BILLING
    subject = "price_id"
    price_id: str
    service_id: str


class PriceRemoved(Event):
    type = "catalog.price.deleted"
    category = Category.BILLING
    subject = "price_id"
    price_id: str
    service_id: str


class TaxSaved(Event):
    type = "catalog.tax.updated"
    category = Category.BILLING
    subject = "tax_rate_id"
    tax_rate_id: str
