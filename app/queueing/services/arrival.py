"""Check-in: the patient is here, and has a number."""

from __future__ import annotations

from app.queueing.models import PriorityClass, QueueToken
from app.queueing.queries.queues import find_token_of
from app.queueing.services.issuing import issue_token
from app.queueing.services.returning import come_back, may_come_back
from app.queueing.services.triage import class_of
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import lock_appointment
from app.scheduling.services import check_in

HERE = (AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS)


def arrive(appointment_id: str, priority: PriorityClass | None = None) -> tuple[Appointment, QueueToken]:
    """Check a visit in and give its token; a second call gives the same token. Raises NotFound, WrongState.

    Who went away, or was checked in on an earlier day, waits again. Without a class the patient's age decides.
    """
    visit = lock_appointment(appointment_id)
    if may_come_back(visit):
        return visit, come_back(visit, _class_of(visit, priority))
    known = find_token_of(visit.id) if visit.status in HERE else None
    if known is not None:
        return visit, known
    if visit.status != AppointmentStatus.CHECKED_IN:
        check_in(visit)
    return visit, issue_token(visit, _class_of(visit, priority))


def _class_of(visit: Appointment, said: PriorityClass | None) -> PriorityClass:
    return class_of(visit.patient) if said is None else said
