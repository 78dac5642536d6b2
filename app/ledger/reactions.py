"""A new clinic starts with the standard chart."""

from __future__ import annotations

from app.events.base import reacts_to
from app.ledger.services import open_accounts
from app.tenancy.events import ClinicCreated


@reacts_to(ClinicCreated)
def open_standard_accounts(event: ClinicCreated) -> None:
    open_accounts(event.clinic_id)
