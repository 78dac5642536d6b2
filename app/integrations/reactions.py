"""What is published is looked at for a clinic's own systems."""

from __future__ import annotations

from app.events.base import OBSERVERS
from app.integrations.services import tell_endpoints

OBSERVERS.append(tell_endpoints)
