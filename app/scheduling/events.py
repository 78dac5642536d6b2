"""What happens to a visit. Payloads hold ids and times, nothing clinical (SPEC EVT-2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from app.events.base import Category, Event, Priority


class AppointmentEvent(Event):
    """What all events of a visit tell."""

    category: ClassVar[Category] = Category.APPOINTMENT
    subject: ClassVar[str] = "appointment_id"

    appointment_id: str
    patient_id: str
    doctor_id: str
    location_id: str
    appointment_type: str
    status: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def about(cls, appointment: Any, **more: Any) -> Any:
        """The event of this kind for an appointment row."""
        return cls(
            appointment_id=appointment.id,
            patient_id=appointment.patient_id,
            doctor_id=appointment.doctor_id,
            location_id=appointment.location_id,
            appointment_type=appointment.type,
            status=appointment.status,
            starts_at=appointment.starts_at,
            ends_at=appointment.ends_at,
            **more,
        )


class AppointmentCreated(AppointmentEvent):
    type: ClassVar[str] = "appointment.created"


class AppointmentApproved(AppointmentEvent):
    """A person accepted a request; its status says whether it waits for money now."""

    type: ClassVar[str] = "appointment.approved"


class AppointmentDeclined(AppointmentEvent):
    type: ClassVar[str] = "appointment.declined"


class AppointmentConfirmed(AppointmentEvent):
    type: ClassVar[str] = "appointment.confirmed"


class AppointmentRescheduled(AppointmentEvent):
    type: ClassVar[str] = "appointment.rescheduled"

    old_starts_at: datetime
    old_doctor_id: str


class AppointmentCheckedIn(AppointmentEvent):
    type: ClassVar[str] = "appointment.checked_in"


class AppointmentStarted(AppointmentEvent):
    type: ClassVar[str] = "appointment.started"


class AppointmentCompleted(AppointmentEvent):
    type: ClassVar[str] = "appointment.completed"


class AppointmentCancelled(AppointmentEvent):
    """`reason` is a code of CancelReason; UNPAID is the release of a visit that nobody paid for."""

    type: ClassVar[str] = "appointment.cancelled"
    priority: ClassVar[Priority] = Priority.HIGH

    reason: str


class AppointmentNoShow(AppointmentEvent):
    type: ClassVar[str] = "appointment.no_show"


class FollowUpCreated(AppointmentEvent):
    """A visit was booked that follows another one."""

    type: ClassVar[str] = "appointment.follow_up.created"

    follow_up_of_id: str


class AppointmentReminderDue(AppointmentEvent):
    """It is time to remind of a visit: `hours` before it begins."""

    type: ClassVar[str] = "appointment.reminder.due"

    hours: int


class WaitingEvent(Event):
    """What all events of the waiting list tell."""

    category: ClassVar[Category] = Category.APPOINTMENT
    subject: ClassVar[str] = "waiting_list_entry_id"

    waiting_list_entry_id: str
    patient_id: str


class WaitingListJoined(WaitingEvent):
    type: ClassVar[str] = "appointment.waiting_list.joined"


class WaitingListLeft(WaitingEvent):
    """Withdrawn by somebody, or over because its last day is."""

    type: ClassVar[str] = "appointment.waiting_list.left"

    status: str


class SlotOfferEvent(WaitingEvent):
    """What all events of an offer tell."""

    slot_offer_id: str
    doctor_id: str
    starts_at: datetime


class SlotOffered(SlotOfferEvent):
    type: ClassVar[str] = "appointment.slot.offered"

    expires_at: datetime


class SlotOfferAccepted(SlotOfferEvent):
    type: ClassVar[str] = "appointment.slot.accepted"

    appointment_id: str


class SlotOfferEnded(SlotOfferEvent):
    """Passed on by the patient, or not answered in time."""

    type: ClassVar[str] = "appointment.slot.passed"

    status: str


class SlotOpened(Event):
    """A change of hours, a holiday taken back or leave that ended made a time bookable that somebody waits for."""

    type: ClassVar[str] = "appointment.slot.opened"
    category: ClassVar[Category] = Category.APPOINTMENT
    subject: ClassVar[str] = "doctor_id"

    doctor_id: str
    starts_at: datetime


class SeriesEvent(Event):
    """What all events of a series tell; its visits have their own."""

    category: ClassVar[Category] = Category.APPOINTMENT
    subject: ClassVar[str] = "appointment_series_id"

    appointment_series_id: str
    patient_id: str
    doctor_id: str
    visits: int


class SeriesBooked(SeriesEvent):
    type: ClassVar[str] = "appointment.series.created"


class SeriesMoved(SeriesEvent):
    """A visit of it and all after that."""

    type: ClassVar[str] = "appointment.series.rescheduled"


class SeriesCancelled(SeriesEvent):
    """A visit of it and all after that."""

    type: ClassVar[str] = "appointment.series.cancelled"
