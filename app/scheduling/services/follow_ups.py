"""Follow-ups: visits that are linked to the one before, and cost what the price list says of such visits."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from app.catalog.queries import VisitPrice, price_of_visit
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish
from app.scheduling.events import FollowUpCreated
from app.scheduling.models import Appointment, AppointmentStatus, FollowUp
from app.scheduling.queries.slots import local_day
from app.scheduling.services.booking import book_appointment

FOLLOWED = (AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS, AppointmentStatus.COMPLETED)


def book_follow_up(
    appointment: Appointment,
    starts_at: datetime,
    *,
    type: str | None = None,
    doctor_id: str | None = None,
    location_id: str | None = None,
    notes: str = "",
    overbook_reason: str = "",
) -> Appointment:
    """Book the patient's next visit after this one, with the same doctor and of the same kind unless told otherwise.

    Raises WrongState for a visit that nobody came to, and what book_appointment() raises.
    """
    if appointment.status not in FOLLOWED:
        raise WrongState(_("Only a visit that was held has a follow-up."), status=str(appointment.status))
    made = book_appointment(
        patient_id=appointment.patient_id,
        doctor_id=doctor_id or appointment.doctor_id,
        type=type or appointment.type,
        starts_at=starts_at,
        location_id=location_id,
        notes=notes,
        overbook_reason=overbook_reason,
    )
    db.session.add(FollowUp(appointment_id=made.id, after_id=appointment.id))
    db.session.flush()
    publish(FollowUpCreated.about(made, follow_up_of_id=appointment.id))
    return made


def price_of_follow_up(made: Appointment, before: Appointment) -> VisitPrice:
    """What the follow-up costs by the service's follow-up days, once the visit before is over. Raises NoPrice."""
    visited_on = local_day(before.starts_at) if made.doctor_id == before.doctor_id else None
    return price_of_visit(made.doctor_id, made.type, visited_on=visited_on, on=local_day(made.starts_at))


def find_visit_before(appointment_id: str) -> str | None:
    """The visit that this one follows."""
    return db.session.scalar(select(FollowUp.after_id).where(FollowUp.appointment_id == appointment_id))


def follow_ups_of(appointment_id: str) -> list[Appointment]:
    """The visits that were booked after this one, in order of time."""
    wanted = select(Appointment).join(FollowUp, FollowUp.appointment_id == Appointment.id)
    return list(db.session.scalars(wanted.where(FollowUp.after_id == appointment_id).order_by(Appointment.starts_at)))
