"""Booking a visit, moving it, and taking its slot back after a release."""

from __future__ import annotations

from datetime import datetime

from flask_babel import format_datetime
from flask_babel import gettext as _
from sqlalchemy import bindparam, select

from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import find_principal, may, own_patient_id, require
from app.core.state import WrongState
from app.core.tenant import db, read_kept, require_clinic, scoped
from app.core.together import new_row
from app.events.models import EventRecord
from app.events.services import announce, event_record, publish
from app.people.models import AppointmentType, Patient
from app.people.queries.patients import survivor_id
from app.scheduling.events import AppointmentConfirmed, AppointmentCreated, AppointmentRescheduled
from app.scheduling.models import Appointment, AppointmentChange, AppointmentStatus, CancelReason, ChangeKind
from app.scheduling.queries.slots import Person, diary_with_patient, local_day
from app.scheduling.services.history import change_of, note_change, push_visit, step
from app.scheduling.services.lifecycle import ask_for_payment
from app.scheduling.services.placing import Overlap, Place, no_overlap_or_rollback, occupy, seat_new
from app.scheduling.services.turns import take_turn, take_turn_in_room, take_turn_to_add
from app.tenancy.queries import settings_in_scope

_PATIENT = scoped(select(Patient.active, Patient.deceased_on).where(Patient.id == bindparam("patient")))
LONGEST_ADDRESS = 400
MOVABLE = (AppointmentStatus.REQUESTED, AppointmentStatus.SCHEDULED, AppointmentStatus.CONFIRMED)


def book_appointment(
    *,
    patient_id: str,
    doctor_id: str,
    type: str,
    starts_at: datetime,
    location_id: str | None = None,
    notes: str = "",
    address: str = "",
    overbook_reason: str = "",
) -> Appointment:
    """Book one slot for a patient. Raises NotFound, Invalid, SlotTaken; with an `overbook_reason` also Forbidden.

    An overbooked visit stands beside what is there already; it needs the permission and a reason, which is kept. A home
    visit goes to the `address`, or to where the patient lives.
    """
    if overbook_reason:
        require("appointment", "overbook")
    take_turn_to_add(doctor_id)
    diary, patient = diary_with_patient(doctor_id, local_day(starts_at), type, _visible(patient_id))
    if patient is not None and not patient.active:
        patient_id = survivor_id(patient_id)
        patient = _person(patient_id)
    _check(patient)
    place = Place(doctor_id, type, starts_at, location_id, diary)
    principal = find_principal()
    appointment = new_row(
        Appointment,
        id=new_id(),
        clinic_id=require_clinic(),
        patient_id=patient_id,
        doctor_id=doctor_id,
        type=type,
        status=_first_status(),
        notes=notes,
        address=_where_to(address, patient_id) if type == AppointmentType.HOME_VISIT else "",
        overbooked=bool(overbook_reason),
        overbook_reason=overbook_reason,
        booked_by_id=principal.user_id if principal else None,
        booked_by_patient=own_patient_id() is not None,
    )
    if appointment.status == AppointmentStatus.SCHEDULED:
        ask_for_payment(appointment)
    _write(appointment, place)
    push_visit(appointment)
    return appointment


def _write(appointment: Appointment, place: Place) -> None:
    """The visit, its first line of history and its event, in one statement; then whoever hears of it."""

    def beside() -> tuple[AppointmentChange, EventRecord]:
        change = change_of(appointment, ChangeKind.BOOKED, reason=appointment.overbook_reason)
        return change, event_record(AppointmentCreated.about(appointment))

    _change, record = seat_new(appointment, place, beside)
    announce({record: AppointmentCreated.about(appointment)})


def _where_to(address: str, patient_id: str) -> str:
    """Raises Invalid where nobody knows."""
    if address.strip():
        return address.strip()
    columns = Patient.address, Patient.city, Patient.postal_code
    lives = db.session.execute(select(*columns).where(Patient.id == patient_id)).one()
    if not lives.address.strip():
        raise Invalid(fields={"address": _("Say where the patient is to be visited.")})
    town = " ".join(part for part in (lives.city, lives.postal_code) if part)
    return ", ".join(part for part in (lives.address.strip(), town) if part)[:LONGEST_ADDRESS]


def _first_status() -> AppointmentStatus:
    """Where the clinic asks for approval, whoever cannot give it books a request (SPEC 0)."""
    if settings_in_scope().approval_required and find_principal() and not may("appointment", "approve"):
        return AppointmentStatus.REQUESTED
    return AppointmentStatus.SCHEDULED


def check_patient(patient_id: str) -> None:
    """Whether visits can be booked for the patient by whoever asks. Raises NotFound, Invalid."""
    _check(_person(_visible(patient_id)))


def _person(patient_id: str) -> Person | None:
    found = read_kept(_PATIENT, {"patient": patient_id}).one_or_none()
    return Person(found.active, found.deceased_on) if found else None


def _visible(patient_id: str) -> str:
    if own_patient_id() not in (None, patient_id):
        raise _no_such_patient()
    return patient_id


def _check(patient: Person | None) -> None:
    if patient is None:
        raise _no_such_patient()
    if patient.deceased_on is not None:
        problem = _("This patient has died.")
        raise Invalid(problem, code="PATIENT_DECEASED", fields={"patientId": problem})
    if not patient.active:
        problem = _("This patient's record is closed.")
        raise Invalid(problem, code="PATIENT_INACTIVE", fields={"patientId": problem})


def _no_such_patient() -> NotFound:
    return NotFound(_("This patient does not exist."), code="PATIENT_NOT_FOUND")


class MovedMeanwhile(Conflict):
    """The visit is not where whoever wants to move it saw it."""

    code = "MOVED_MEANWHILE"


def check_seen(appointment: Appointment, starts_at: datetime | None, doctor_id: str | None) -> None:
    """Refuse to undo what somebody else has done since: None was not looked at. Raises MovedMeanwhile."""
    if starts_at in (None, appointment.starts_at) and doctor_id in (None, appointment.doctor_id):
        return
    when = format_datetime(appointment.starts_at, "EEE d MMM, HH:mm")
    doctor = appointment.doctor.short_name
    raise MovedMeanwhile(
        _("Somebody else has moved this visit meanwhile: to %(doctor)s, %(time)s.", doctor=doctor, time=when)
    )


def reschedule(
    appointment: Appointment,
    starts_at: datetime,
    *,
    doctor_id: str | None = None,
    location_id: str | None = None,
    reason: str = "",
    overbook_reason: str = "",
) -> None:
    """Move a visit that has not begun to another slot. Raises WrongState, Invalid, SlotTaken.

    With an `overbook_reason` also to a taken one; that needs the permission (Forbidden), and the reason is kept.
    """
    if overbook_reason:
        require("appointment", "overbook")
    if appointment.status not in MOVABLE:
        raise WrongState(_("Only a visit that has not begun can be moved."), status=str(appointment.status))
    if doctor_id not in (None, appointment.doctor_id) and own_patient_id() is not None:
        raise Invalid(fields={"doctorId": _("Please ask the clinic for another doctor.")})
    old_time, old_doctor = appointment.starts_at, appointment.doctor_id
    place = Place(doctor_id or appointment.doctor_id, appointment.type, starts_at, location_id)
    occupy(appointment, place, overbook_reason)
    note_change(
        appointment,
        ChangeKind.RESCHEDULED,
        from_status=appointment.status,
        from_starts_at=old_time,
        from_doctor_id=old_doctor,
        reason=reason or overbook_reason,
    )
    publish(AppointmentRescheduled.about(appointment, old_starts_at=old_time, old_doctor_id=old_doctor))


def retake_slot(appointment: Appointment) -> bool:
    """Confirm a released visit because its money came late after all; False if its slot is gone (SPEC 0)."""
    released = appointment.status == AppointmentStatus.CANCELLED and appointment.cancelled_reason == CancelReason.UNPAID
    if not released or appointment.starts_at <= clock.now():
        return False
    take_turn(appointment.doctor_id)
    if appointment.room_id:
        take_turn_in_room(appointment.room_id)
    try:
        with no_overlap_or_rollback():
            step(
                appointment,
                AppointmentStatus.CONFIRMED,
                ChangeKind.RETAKEN,
                confirmed_at=clock.now(),
                cancelled_at=None,
                cancelled_reason=None,
            )
    except Overlap:
        return False
    publish(AppointmentConfirmed.about(appointment))
    return True
