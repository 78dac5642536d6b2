"""What patients hear of their visits, and who is offered what becomes free. Each listener tolerates a second call."""

from __future__ import annotations

from sqlalchemy import func, select

from app.core.tenant import db
from app.events.base import listens_to
from app.messaging.models import Channel
from app.people.models import AppointmentType, Patient
from app.scheduling.events import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentDeclined,
    AppointmentEvent,
    AppointmentReminderDue,
    AppointmentRescheduled,
    SlotOpened,
)
from app.scheduling.models import Appointment, AppointmentChange, ChangeKind
from app.scheduling.notices import about_visit, is_written_to, tell_patient
from app.scheduling.services.check_in_codes import address_of, code_of, stored_qr
from app.scheduling.services.offers import offer_slot
from app.scheduling.services.reminders import told_of
from app.scheduling.services.visit_files import stored_visit_calendar


@listens_to(AppointmentConfirmed, queue="notification")
def tell_of_confirmation(event: AppointmentConfirmed) -> None:
    _tell(event, "appointment_confirmed", files=True, coming=True)


@listens_to(AppointmentCancelled, queue="notification")
def tell_of_cancellation(event: AppointmentCancelled) -> None:
    _tell(event, "appointment_cancelled", files=True)


@listens_to(AppointmentDeclined, queue="notification")
def tell_of_refusal(event: AppointmentDeclined) -> None:
    _tell(event, "appointment_declined")


@listens_to(AppointmentRescheduled, queue="notification")
def tell_of_move(event: AppointmentRescheduled) -> None:
    """Once per move, though a visit may come back to a time that it had before."""
    moves = select(func.count()).where(
        AppointmentChange.appointment_id == event.appointment_id, AppointmentChange.kind == ChangeKind.RESCHEDULED
    )
    _tell(event, "appointment_rescheduled", f":{db.session.scalar(moves)}", files=True, coming=True)


@listens_to(AppointmentReminderDue, queue="notification")
def tell_of_reminder(event: AppointmentReminderDue) -> None:
    _tell(event, "appointment_reminder", f":{event.hours}:{event.starts_at:%Y%m%d%H%M}", priority="HIGH", coming=True)


def _tell(
    event: AppointmentEvent,
    template: str,
    key: str = "",
    *,
    priority: str = "NORMAL",
    files: bool = False,
    coming: bool = False,
) -> None:
    """`files`: an e-mail brings the visit for the patient's calendar, `coming` the code to check in with."""
    patient = db.session.get_one(Patient, event.patient_id)
    visit = db.session.get_one(Appointment, event.appointment_id)

    def said(language: str) -> dict[str, str]:
        about = about_visit(patient, event.doctor_id, event.starts_at, language)
        link = {"link": address_of(code_of(visit))} if coming else {}
        return {**about, **link, **told_of(event.appointment_id, event.starts_at)}

    attachments = _files_of(visit, coming) if files and is_written_to(patient, Channel.EMAIL) else {}
    about = f"{event.appointment_id}{key}"
    tell_patient(patient, template, said, about, priority=priority, attachments=attachments)


def _files_of(visit: Appointment, coming: bool) -> dict[Channel, list[str]]:
    """Who comes in person shows the code at the kiosk."""
    shown = coming and visit.type == AppointmentType.IN_PERSON
    return {Channel.EMAIL: [stored_visit_calendar(visit).id, *([stored_qr(visit).id] if shown else [])]}


@listens_to(AppointmentCancelled)
def offer_cancelled_slot(event: AppointmentCancelled) -> None:
    offer_slot(event.doctor_id, event.starts_at)


@listens_to(AppointmentDeclined)
def offer_declined_slot(event: AppointmentDeclined) -> None:
    offer_slot(event.doctor_id, event.starts_at)


@listens_to(AppointmentRescheduled)
def offer_left_slot(event: AppointmentRescheduled) -> None:
    """The slot that the visit had before."""
    offer_slot(event.old_doctor_id, event.old_starts_at)


@listens_to(SlotOpened)
def offer_opened_slot(event: SlotOpened) -> None:
    offer_slot(event.doctor_id, event.starts_at)
