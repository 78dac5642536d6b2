"""The catalogue of events for programs."""

from __future__ import annotations

from typing import Any

from app.core.api import Api, endpoint
from app.events import catalogue


class EventApi(Api):
    """What a webhook may tell of."""

    openapi_tag = "Events"

    @endpoint("GET", "/events/schemas", public=True)
    def schemas(self) -> dict[str, Any]:
        """Every event with the JSON Schema of its payload, and the schema of the envelope."""
        return catalogue.schemas()
