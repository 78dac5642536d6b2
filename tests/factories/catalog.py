"""Services, prices and taxes, committed to the clinic in scope."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

from app.catalog.models import Service, ServicePrice, TaxRate
from app.catalog.services import save_price, save_service, save_tax
from tests.factories.commits import one_commit

_numbers = count(1)


def make_tax(**overrides: Any) -> TaxRate:
    values = {"name": f"GST {next(_numbers)}", "kind": "CGST_SGST", "percent": Decimal(18), **overrides}
    with one_commit():
        return save_tax(TaxRate(**values))


def make_service(**overrides: Any) -> Service:
    """A consultation, unless `visit=False`."""
    number = next(_numbers)
    values = {"code": f"S{number}", "name": f"Consultation {number}", "visit": True, "hsn": "999312", **overrides}
    with one_commit():
        return save_service(Service(**values))


def make_price(service: Service | None = None, amount: str = "500.00", **overrides: Any) -> ServicePrice:
    """A price for every doctor and type of the clinic, unless `doctor_id` or `appointment_type` narrow it."""
    follow_up = overrides.pop("follow_up", None)
    with one_commit():
        service_id = (service or make_service()).id
        return save_price(ServicePrice(service_id=service_id, **overrides), amount, follow_up)
