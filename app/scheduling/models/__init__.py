"""Availability, holds and appointments."""

from app.scheduling.models.appointments import (
    DOCTOR_CONSTRAINT,
    HOLDING,
    ROOM_CONSTRAINT,
    Appointment,
    AppointmentChange,
    AppointmentStatus,
    CancelReason,
    ChangeKind,
)
from app.scheduling.models.availability import (
    HOLD_CONSTRAINT,
    AvailabilityException,
    AvailabilityRule,
    DoctorLeave,
    ExceptionKind,
    SlotHold,
)
from app.scheduling.models.feeds import CalendarFeed
from app.scheduling.models.follow_ups import FollowUp
from app.scheduling.models.leave_plans import LeaveAction, LeaveVisit, LeaveVisitStatus
from app.scheduling.models.reminders import AppointmentReminder
from app.scheduling.models.seats import ALL_SEATS, wall_clock
from app.scheduling.models.series import AppointmentSeries, Every, SeriesVisit
from app.scheduling.models.waiting import OfferStatus, SlotOffer, WaitingListEntry, WaitingStatus

__all__ = [
    "ALL_SEATS",
    "DOCTOR_CONSTRAINT",
    "HOLDING",
    "HOLD_CONSTRAINT",
    "ROOM_CONSTRAINT",
    "Appointment",
    "AppointmentChange",
    "AppointmentReminder",
    "AppointmentSeries",
    "AppointmentStatus",
    "AvailabilityException",
    "AvailabilityRule",
    "CalendarFeed",
    "CancelReason",
    "ChangeKind",
    "DoctorLeave",
    "Every",
    "ExceptionKind",
    "FollowUp",
    "LeaveAction",
    "LeaveVisit",
    "LeaveVisitStatus",
    "OfferStatus",
    "SeriesVisit",
    "SlotHold",
    "SlotOffer",
    "WaitingListEntry",
    "WaitingStatus",
    "wall_clock",
]
