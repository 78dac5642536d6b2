"""Reminders of visits: given out once per visit, time and step, under the visit's lock.

Whether the visit is still to come is asked three times: when a job looks, when the reminder is given out, and once more
in the transaction that lets the message leave (`is_still_to_come`), which waits for a cancellation under way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, require_clinic
from app.events.services import publish
from app.messaging.conditions import leaves_only_if
from app.messaging.models import Message
from app.scheduling.events import AppointmentReminderDue
from app.scheduling.models import (
    HOLDING,
    Appointment,
    AppointmentChange,
    AppointmentReminder,
    AppointmentStatus,
    ChangeKind,
)
from app.tenancy.queries import settings_in_scope

REMINDED = (AppointmentStatus.SCHEDULED, AppointmentStatus.CONFIRMED)
# What nobody could look for (a machine that was off) is made up for so long, and never in a step's second half.
PATIENCE = timedelta(hours=6)
MOST_AT_ONCE = 2000


def due_reminders() -> list[tuple[str, int]]:
    """(visit, hours) of the clinic in scope that are due and not given out.

    Nobody is reminded of what was booked or moved after the reminder's time: they were just told.
    """
    steps = settings_in_scope().visit_reminders
    return [(visit_id, hours) for hours in steps for visit_id in _due(hours)]


def _due(hours: int) -> list[str]:
    ahead = timedelta(hours=hours)
    given = select(AppointmentReminder.id).where(
        AppointmentReminder.appointment_id == Appointment.id,
        AppointmentReminder.hours == hours,
        AppointmentReminder.starts_at == Appointment.starts_at,
    )
    moved = select(AppointmentChange.id).where(
        AppointmentChange.appointment_id == Appointment.id,
        AppointmentChange.kind == ChangeKind.RESCHEDULED,
        AppointmentChange.created_at > Appointment.starts_at - ahead,
    )
    wanted = select(Appointment.id).where(
        _in_reach(ahead),
        Appointment.created_at <= Appointment.starts_at - ahead,
        ~given.exists(),
        ~moved.exists(),
    )
    return list(db.session.scalars(wanted.order_by(Appointment.starts_at).limit(MOST_AT_ONCE)))


def _in_reach(ahead: timedelta) -> ColumnElement[bool]:
    latest = clock.now() + ahead
    return and_(
        Appointment.starts_at > latest - min(PATIENCE, ahead / 2),
        Appointment.starts_at <= latest,
        Appointment.status.in_(REMINDED),
    )


def give_reminder(appointment_id: str, hours: int) -> bool:
    """Note and announce that it is time to remind; whether it was this call that did. Locks the visit."""
    wanted = select(Appointment).where(Appointment.id == appointment_id, _in_reach(timedelta(hours=hours)))
    visit = db.session.scalar(wanted.with_for_update(of=Appointment).execution_options(populate_existing=True))
    if visit is None:
        return False
    row = insert(AppointmentReminder).values(
        id=new_id(), clinic_id=require_clinic(), appointment_id=visit.id, hours=hours, starts_at=visit.starts_at
    )
    made = db.session.scalar(row.on_conflict_do_nothing().returning(AppointmentReminder.id))
    if made is None:
        return False
    publish(AppointmentReminderDue.about(visit, hours=hours))
    return True


def told_of(visit_id: str, starts_at: datetime) -> dict[str, str]:
    """What a message keeps of the visit that it tells of, so that it can be asked again when it leaves."""
    return {"appointment_id": visit_id, "starts_at": starts_at.isoformat()}


@leaves_only_if("appointment_reminder")
def is_still_to_come(message: Message) -> bool:
    """A reminder is right for the visit at the time that it names, before it begins."""
    starts_at = _lock_as_told(message, REMINDED)
    return starts_at is not None and starts_at > clock.now()


@leaves_only_if("appointment_confirmed", "appointment_rescheduled")
def is_still_so(message: Message) -> bool:
    """Word of a visit's time is right until it is moved or called off."""
    return _lock_as_told(message, (*HOLDING, AppointmentStatus.COMPLETED)) is not None


def _lock_as_told(message: Message, statuses: tuple[AppointmentStatus, ...]) -> datetime | None:
    """The visit's time, if it is the one that the message tells; whoever changes it waits, or is waited for."""
    wanted = select(Appointment.status, Appointment.starts_at).where(
        Appointment.id == message.variables.get("appointment_id")
    )
    visit = db.session.execute(wanted.with_for_update(read=True)).one_or_none()
    if visit is None or visit.status not in statuses:
        return None
    return visit.starts_at if visit.starts_at.isoformat() == message.variables.get("starts_at") else None
