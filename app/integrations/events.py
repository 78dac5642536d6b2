"""What becomes of a clinic's endpoints."""

from __future__ import annotations

from datetime import datetime

from app.events.base import Category, Event, Priority


class EndpointSaved(Event):
    """Added or changed; `change` is added, changed, removed, enabled or secret_rotated."""

    type = "integration.endpoint.saved"
    category = Category.SYSTEM
    subject = "endpoint_id"
    endpoint_id: str
    change: str


class EndpointDisabled(Event):
    """Switched off by itself, because nothing arrived there for days, or because it answered that it is gone."""

    type = "integration.endpoint.disabled"
    category = Category.SYSTEM
    priority = Priority.HIGH
    subject = "endpoint_id"
    endpoint_id: str
    failures: int
    off_at: datetime
