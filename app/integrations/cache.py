"""Which endpoints a clinic has: every event asks, almost none is wanted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.cache.regions import WEBHOOK_ENDPOINTS
from app.core.cache.rows import hangs_on
from app.core.tenant import current_clinic_id, db
from app.integrations.models import WebhookEndpoint
from app.tenancy.cache import kept

hangs_on(WEBHOOK_ENDPOINTS, WebhookEndpoint)


def patterns_by_endpoint(clinic_id: str) -> dict[str, list[str]]:
    """What each enabled endpoint of the clinic wants to hear, by the endpoint's id."""
    if current_clinic_id() != clinic_id:
        return _load(clinic_id)
    found: dict[str, list[str]] = kept(WEBHOOK_ENDPOINTS, "patterns", lambda: _load(clinic_id))
    return found


def _load(clinic_id: str) -> dict[str, Any]:
    wanted = select(WebhookEndpoint.id, WebhookEndpoint.patterns).where(
        WebhookEndpoint.clinic_id == clinic_id, WebhookEndpoint.enabled.is_(True)
    )
    return {row.id: row.patterns for row in db.session.execute(wanted)}
