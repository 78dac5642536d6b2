"""What patients hear of their visits. Each listener tolerates a second call."""

from __future__ import annotations

from collections.abc import Iterator

from babel.dates import format_datetime
from flask_babel import get_locale, get_timezone
from sqlalchemy import func, select

from app.access.models import Member, User
from app.core.i18n import written_for
from app.core.tenant import db
from app.events.base import listens_to
from app.messaging.models import Channel
from app.messaging.services import queue_message
from app.people.models import ContactChannel, Doctor, Patient
from app.scheduling.events import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentDeclined,
    AppointmentEvent,
    AppointmentReminderDue,
    AppointmentRescheduled,
)
from app.scheduling.models import AppointmentChange, ChangeKind
from app.scheduling.services.reminders import told_of
from app.tenancy.queries import clinic_in_scope


@listens_to(AppointmentConfirmed, queue="notification")
def tell_of_confirmation(event: AppointmentConfirmed) -> None:
    _tell(event, "appointment_confirmed")


@listens_to(AppointmentCancelled, queue="notification")
def tell_of_cancellation(event: AppointmentCancelled) -> None:
    _tell(event, "appointment_cancelled")


@listens_to(AppointmentDeclined, queue="notification")
def tell_of_refusal(event: AppointmentDeclined) -> None:
    _tell(event, "appointment_declined")


@listens_to(AppointmentRescheduled, queue="notification")
def tell_of_move(event: AppointmentRescheduled) -> None:
    """Once per move, though a visit may come back to a time that it had before."""
    moves = select(func.count()).where(
        AppointmentChange.appointment_id == event.appointment_id, AppointmentChange.kind == ChangeKind.RESCHEDULED
    )
    _tell(event, "appointment_rescheduled", f":{db.session.scalar(moves)}")


@listens_to(AppointmentReminderDue, queue="notification")
def tell_of_reminder(event: AppointmentReminderDue) -> None:
    _tell(event, "appointment_reminder", f":{event.hours}:{event.starts_at:%Y%m%d%H%M}", priority="HIGH")


def _tell(event: AppointmentEvent, template: str, key: str = "", *, priority: str = "NORMAL") -> None:
    """On the channel that the patient prefers, and in the app of whoever logs in as the patient."""
    patient = db.session.get_one(Patient, event.patient_id)
    for channel, to, language in _recipients(patient):
        queue_message(
            channel,
            to,
            template,
            _variables(event, patient, language),
            dedupe_key=f"{template}:{event.appointment_id}{key}" + (f":{to}" if channel is Channel.IN_APP else ""),
            patient_id=patient.id,
            user_id=to if channel is Channel.IN_APP else None,
            language=language,
            priority=priority,
        )


def _recipients(patient: Patient) -> Iterator[tuple[Channel, str, str]]:
    reachable = preferred_address(patient)
    if reachable is not None:
        yield *reachable, patient.language
    users = select(User.id, User.language).join(Member, Member.user_id == User.id)
    for user_id, language in db.session.execute(users.where(Member.patient_id == patient.id, Member.active.is_(True))):
        yield Channel.IN_APP, user_id, language


def preferred_address(patient: Patient) -> tuple[Channel, str] | None:
    """The preferred channel where there is an address for it, else the other one; None for who wants no messages."""
    known = {Channel.WHATSAPP: patient.phone, Channel.EMAIL: patient.email}
    order = [Channel.EMAIL, Channel.WHATSAPP] if patient.preferred_channel == ContactChannel.EMAIL else list(known)
    if patient.preferred_channel == ContactChannel.NONE:
        return None
    return next(((channel, to) for channel in order if (to := known[channel])), None)


def _variables(event: AppointmentEvent, patient: Patient, language: str) -> dict[str, str]:
    with written_for(language):
        local = event.starts_at.astimezone(get_timezone())
        when = format_datetime(local, "EEE d MMM yyyy, HH:mm", locale=get_locale())
    doctor = db.session.get_one(Doctor, event.doctor_id)
    said = {"patient": patient.name, "doctor": doctor.name, "when": when, "clinic": clinic_in_scope().name}
    return {**said, **told_of(event.appointment_id, event.starts_at)}
