"""Who is called next: need first, then arrival, and every wait comes to an end (SPEC QUE-1).

A patient moves up one class with every `queue_ageing_minutes` waited, up to right behind emergencies, and after
`queue_longest_minutes` goes before everybody who came later, emergencies included. So the longest wait is known however
many come with higher priority: that setting, plus the patient who is inside at that moment and those who were waiting
already when this one came, at the longest that each of them takes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, bindparam, case, func

from app.core import clock
from app.queueing.models import PriorityClass, QueueToken
from app.tenancy.queries import settings_in_scope
from app.tenancy.settings import ClinicSettings

BEFORE_ALL = -1


def waiting_order() -> tuple[Any, ...]:
    """Terms to order tokens by as the clinic in scope calls them now."""
    return calling_order(
        QueueToken.priority, QueueToken.arrived_at, QueueToken.sequence, clock.now(), settings_in_scope()
    )


def calling_order(
    priority: Any, arrived_at: Any, sequence: Any, now: datetime, settings: ClinicSettings
) -> tuple[Any, ...]:
    """The same over any columns. The one place that knows."""
    return _turn(priority, arrived_at, now, settings), arrived_at, sequence


def _turn(priority: Any, arrived_at: Any, now: datetime, settings: ClinicSettings) -> ColumnElement[Any]:
    at = bindparam("order_now", now, DateTime(timezone=True), unique=True)
    minutes = func.extract("epoch", at - arrived_at) / 60
    aged = priority - func.floor(minutes / settings.queue_ageing_minutes)
    return case(
        (minutes >= settings.queue_longest_minutes, BEFORE_ALL),
        (priority == int(PriorityClass.EMERGENCY), int(PriorityClass.EMERGENCY)),
        else_=func.greatest(aged, int(PriorityClass.EMERGENCY) + 1),
    )
