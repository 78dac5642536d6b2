"""What queues do by themselves."""

from __future__ import annotations

import logging

from sqlalchemy import select

from app.core.jobs import job
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.queueing.models import QueueToken, TokenStatus
from app.queueing.queries.queues import today
from app.queueing.services.moves import tell_again
from app.tenancy.rounds import in_every_clinic

log = logging.getLogger(__name__)


@job("event", attempts=1, every=60)
def tell_waits_again() -> int:
    """Push the waits of every queue in which somebody waits; how many queues."""
    return in_every_clinic(_tell)


def _tell() -> int:
    waiting = select(QueueToken.doctor_id).where(
        QueueToken.queued_on == today(), QueueToken.status == TokenStatus.WAITING
    )
    doctors = list(db.session.scalars(waiting.distinct()))
    for doctor_id in doctors:
        try:
            with unit_of_work():
                tell_again(doctor_id)
        except Exception:
            log.exception("the waits of a queue could not be told")
    return len(doctors)
