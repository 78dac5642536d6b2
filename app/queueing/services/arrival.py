"""Check-in: the patient is here, and has a number."""

from __future__ import annotations

from app.queueing.models import PriorityClass, QueueToken
from app.queueing.queries.queues import find_token_of
from app.queueing.services.issuing import issue_token
from app.queueing.services.triage import class_of
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import lock_appointment
from app.scheduling.services import check_in

HERE = (AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS)


def arrive(appointment_id: str, priority: PriorityClass | None = None) -> tuple[Appointment, QueueToken]:
    """Check a visit in and give its token; a second call gives the same token. Raises NotFound, WrongState.

    Without a class the patient's age decides.
    """
    visit = lock_appointment(appointment_id)
    known = find_token_of(visit.id) if visit.status in HERE else None
    if known is not None:
        return visit, known
    if visit.status != AppointmentStatus.CHECKED_IN:
        check_in(visit)
    return visit, issue_token(visit, class_of(visit.patient) if priority is None else priority)
