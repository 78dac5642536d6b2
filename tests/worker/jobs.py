"""Jobs that tests queue; what they saw stays in the process of the worker that ran them."""

from __future__ import annotations

from app.core.tenant import tenant_scope
from app.tenancy.queries import settings_in_scope

SEEN: list[str] = []


def note_prefix(clinic_id: str) -> None:
    """Remember the clinic's invoice prefix as its settings say it now."""
    with tenant_scope(clinic_id):
        SEEN.append(settings_in_scope().invoice_prefix)
