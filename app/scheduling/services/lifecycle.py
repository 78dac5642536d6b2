"""The steps of a visit after booking. Each takes a locked visit, writes history and publishes its event."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _

from app.catalog.queries import NoPrice, price_of_visit
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.principal import own_patient_id
from app.core.state import WrongState
from app.events.services import publish
from app.people.models import AppointmentType
from app.scheduling.events import (
    AppointmentApproved,
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentCompleted,
    AppointmentConfirmed,
    AppointmentDeclined,
    AppointmentNoShow,
    AppointmentStarted,
)
from app.scheduling.models import Appointment, AppointmentStatus, CancelReason, ChangeKind
from app.scheduling.queries.slots import local_day
from app.scheduling.services.history import note_change, step
from app.tenancy.queries import settings_in_scope

# Paid before the visit when a patient books them; others are paid at the desk (SPEC 0).
PREPAID_TYPES = frozenset({AppointmentType.VIDEO_CALL})
# UNPAID is the release's own: money that comes late takes the slot of such a visit back.
STAFFS_REASONS = frozenset(CancelReason) - {CancelReason.UNPAID}
PATIENTS_REASONS = frozenset({CancelReason.PATIENT_REQUEST, CancelReason.PATIENT_UNWELL})


def needs_payment(doctor_id: str, type: str, *, booked_by_patient: bool) -> bool:
    """Whether a visit must be paid, or a deposit for it, before it is confirmed, and is released if it is not."""
    if not booked_by_patient or not (type in PREPAID_TYPES or settings_in_scope().deposit_percent):
        return False
    try:
        return price_of_visit(doctor_id, type).unit_price.minor > 0
    except NoPrice:
        return False


def ask_for_payment(appointment: Appointment) -> None:
    """Start the time in which a visit has to be paid, where it has to."""
    if needs_payment(appointment.doctor_id, appointment.type, booked_by_patient=appointment.booked_by_patient):
        appointment.payment_due_at = clock.now() + timedelta(minutes=settings_in_scope().unpaid_release_minutes)


def approve_appointment(appointment: Appointment) -> None:
    """A person accepts a request: it waits for money now, or is confirmed. Raises WrongState."""
    if appointment.status != AppointmentStatus.REQUESTED:
        raise WrongState(_("Only a requested visit can be approved."), status=str(appointment.status))
    ask_for_payment(appointment)
    if appointment.payment_due_at:
        step(appointment, AppointmentStatus.SCHEDULED, ChangeKind.APPROVED)
        publish(AppointmentApproved.about(appointment))
        return
    step(appointment, AppointmentStatus.CONFIRMED, ChangeKind.APPROVED, confirmed_at=clock.now())
    publish(AppointmentApproved.about(appointment))
    publish(AppointmentConfirmed.about(appointment))


def decline_appointment(appointment: Appointment, reason: str = "") -> None:
    """A person refuses a request; the slot is free again. Raises WrongState."""
    step(appointment, AppointmentStatus.DECLINED, ChangeKind.DECLINED, reason)
    publish(AppointmentDeclined.about(appointment))


def confirm_appointment(appointment: Appointment) -> None:
    """Payment or a person confirms a scheduled visit. Raises WrongState."""
    if appointment.status != AppointmentStatus.SCHEDULED:
        raise WrongState(_("Only a scheduled visit can be confirmed."), status=str(appointment.status))
    step(appointment, AppointmentStatus.CONFIRMED, ChangeKind.CONFIRMED, confirmed_at=clock.now(), payment_due_at=None)
    publish(AppointmentConfirmed.about(appointment))


def cancel_appointment(appointment: Appointment, reason: CancelReason | str, note: str = "") -> None:
    """Give the slot back, with a coded reason. A PATIENT may until the visit begins. Raises WrongState, Conflict."""
    if own_patient_id() is not None and (
        appointment.starts_at <= clock.now() or appointment.status == AppointmentStatus.CHECKED_IN
    ):
        raise Conflict(_("The visit has begun; please ask the clinic."), code="TOO_LATE")
    _cancel(appointment, CancelReason(reason), note, ChangeKind.CANCELLED)


def cancel_as_told(appointment: Appointment, reason: str, note: str = "") -> None:
    """Cancel for a reason in a client's words: a code that the person may give, or else a note. Raises as above."""
    code = reason.upper().replace(" ", "_").replace("-", "_")
    as_patient = own_patient_id() is not None
    if code in (PATIENTS_REASONS if as_patient else STAFFS_REASONS):
        cancel_appointment(appointment, CancelReason[code], note)
        return
    usual = CancelReason.PATIENT_REQUEST if as_patient else CancelReason.OTHER
    cancel_appointment(appointment, usual, " ".join(filter(None, (reason, note))))


def release_appointment(appointment: Appointment) -> None:
    """Give back the slot of a visit that nobody paid for in time."""
    _cancel(appointment, CancelReason.UNPAID, "", ChangeKind.RELEASED)


def _cancel(appointment: Appointment, reason: CancelReason, note: str, kind: ChangeKind) -> None:
    step(
        appointment,
        AppointmentStatus.CANCELLED,
        kind,
        f"{reason} {note}".strip(),
        cancelled_at=clock.now(),
        cancelled_reason=reason,
        cancelled_note=note,
        payment_due_at=None,
    )
    publish(AppointmentCancelled.about(appointment, reason=str(reason)))


def check_in(appointment: Appointment) -> None:
    """The patient is here; early is the desk's decision, another day gone by is not. Raises WrongState, Conflict."""
    if local_day(appointment.starts_at) < local_day(clock.now()):
        raise Conflict(_("This visit was on another day. Please reschedule it."), code="WRONG_DAY")
    step(
        appointment,
        AppointmentStatus.CHECKED_IN,
        ChangeKind.CHECKED_IN,
        checked_in_at=clock.now(),
        payment_due_at=None,
    )
    publish(AppointmentCheckedIn.about(appointment))


def start(appointment: Appointment) -> None:
    """The doctor begins. Raises WrongState."""
    step(appointment, AppointmentStatus.IN_PROGRESS, ChangeKind.STARTED, started_at=clock.now())
    publish(AppointmentStarted.about(appointment))


def complete(appointment: Appointment) -> None:
    """The visit is over. Raises WrongState."""
    step(appointment, AppointmentStatus.COMPLETED, ChangeKind.COMPLETED, completed_at=clock.now())
    publish(AppointmentCompleted.about(appointment))


def no_show(appointment: Appointment, reason: str = "") -> None:
    """Nobody came. Only once the visit should have begun. Raises WrongState, Conflict."""
    if appointment.starts_at > clock.now():
        raise Conflict(_("The visit has not begun yet."), code="TOO_EARLY")
    step(appointment, AppointmentStatus.NO_SHOW, ChangeKind.NO_SHOW, reason, payment_due_at=None)
    publish(AppointmentNoShow.about(appointment))


def update_notes(appointment: Appointment, notes: str) -> None:
    """Change what was noted for a visit that is still to be held. Raises Invalid."""
    if not appointment.holds_slot:
        raise Invalid(_("The visit is over; its notes cannot change."), fields={"notes": _("The visit is over.")})
    if notes != appointment.notes:
        appointment.notes = notes
        note_change(appointment, ChangeKind.UPDATED, from_status=appointment.status)
