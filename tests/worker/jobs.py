"""Jobs that tests queue; what they saw stays in the process of the worker that ran them."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import OperationalError

from app.core.jobs import Job
from app.core.tenant import tenant_scope
from app.tenancy.queries import settings_in_scope

SEEN: list[str] = []


def note_prefix(clinic_id: str) -> None:
    """Remember the clinic's invoice prefix as its settings say it now."""
    with tenant_scope(clinic_id):
        SEEN.append(settings_in_scope().invoice_prefix)


def meet_nobody() -> None:
    """Find no database."""
    raise OperationalError("select 1", {}, psycopg.OperationalError("connection refused"))


def meet_a_deadlock() -> None:
    """Find a database that refuses this once."""
    raise OperationalError("select 1", {}, psycopg.errors.DeadlockDetected("deadlock detected"))


ordered = Job(meet_nobody, "event", attempts=1, timeout=60)
tried_often = Job(meet_nobody, "event", attempts=3, timeout=60)
swept = Job(meet_nobody, "event", attempts=1, timeout=60, every=5)
locked = Job(meet_a_deadlock, "event", attempts=1, timeout=60)
