"""How long is long: the clinic's own thresholds, as the tones of the console's pills."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.core import clock
from app.tenancy.queries import settings_in_scope


def wait_tone(waited: timedelta) -> str:
    """ "ok", "warn" or "bad", by the clinic's settings."""
    settings = settings_in_scope()
    if waited >= timedelta(minutes=settings.queue_late_minutes):
        return "bad"
    return "warn" if waited >= timedelta(minutes=settings.queue_warn_minutes) else "ok"


def waited_since(arrived_at: datetime) -> timedelta:
    return max(clock.now() - arrived_at, timedelta())
