"""What the administrators of a clinic are told of its own systems."""

from __future__ import annotations

from app.core.tenant import db
from app.events.base import listens_to
from app.integrations.events import EndpointDisabled
from app.integrations.models import WebhookEndpoint
from app.messaging.alerts import alert_members


@listens_to(EndpointDisabled, queue="notification")
def tell_of_endpoint(event: EndpointDisabled) -> None:
    """Once each time that it is switched off by itself."""
    endpoint = db.session.get(WebhookEndpoint, event.endpoint_id)
    if endpoint is not None and not endpoint.enabled:
        told = {"endpoint": endpoint.name, "why": endpoint.disabled_reason}
        alert_members("webhook_endpoint_off", lambda: told, f"endpoint-off:{endpoint.id}:{event.off_at.isoformat()}")
