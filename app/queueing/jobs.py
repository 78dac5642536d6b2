"""What queues do by themselves."""

from __future__ import annotations

import logging

from sqlalchemy import select

from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.queueing.models import QueueToken, TokenStatus
from app.queueing.queries.queues import today
from app.queueing.services.moves import tell_again
from app.tenancy.models import Clinic

log = logging.getLogger(__name__)


@job("event", attempts=1, every=60)
def tell_waits_again() -> int:
    """Push the waits of every queue in which somebody waits; how many queues."""
    with all_tenants():
        clinics = list(db.session.scalars(select(Clinic.id).where(Clinic.archived.is_(False))))
    return sum(_tell_clinic(clinic_id) for clinic_id in clinics)


def _tell_clinic(clinic_id: str) -> int:
    with tenant_scope(clinic_id):
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
