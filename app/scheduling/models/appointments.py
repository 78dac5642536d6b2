"""Visits and their history; double booking is impossible by the exclusion constraints of `appointment`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Boolean, CheckConstraint, Index, String, Text, Uuid
from sqlalchemy.dialects.postgresql import INT4RANGE, TSTZRANGE, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models.seats import ALL_SEATS, no_overlap, wall_clock
from app.tenancy.models import Location, Room


class AppointmentStatus(StrEnum):
    REQUESTED = "REQUESTED"
    SCHEDULED = "SCHEDULED"
    CONFIRMED = "CONFIRMED"
    CHECKED_IN = "CHECKED_IN"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    NO_SHOW = "NO_SHOW"


class CancelReason(StrEnum):
    PATIENT_REQUEST = "PATIENT_REQUEST"
    PATIENT_UNWELL = "PATIENT_UNWELL"
    DOCTOR_UNAVAILABLE = "DOCTOR_UNAVAILABLE"
    CLINIC_CLOSED = "CLINIC_CLOSED"
    BOOKED_IN_ERROR = "BOOKED_IN_ERROR"
    UNPAID = "UNPAID"
    OTHER = "OTHER"


class ChangeKind(StrEnum):
    BOOKED = "BOOKED"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    CONFIRMED = "CONFIRMED"
    RESCHEDULED = "RESCHEDULED"
    UPDATED = "UPDATED"
    CHECKED_IN = "CHECKED_IN"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    RELEASED = "RELEASED"
    RETAKEN = "RETAKEN"
    NO_SHOW = "NO_SHOW"


_S = AppointmentStatus

# SPEC 0: all from REQUESTED to IN_PROGRESS hold the slot.
HOLDING = (_S.REQUESTED, _S.SCHEDULED, _S.CONFIRMED, _S.CHECKED_IN, _S.IN_PROGRESS)
_HOLDS = "status in ({}) and not overbooked".format(", ".join(f"'{status}'" for status in HOLDING))

DOCTOR_CONSTRAINT = "ex_appointment_doctor"
ROOM_CONSTRAINT = "ex_appointment_room"


class Appointment(Stateful, TenantModel):
    """A visit. `busy` is its time with buffers; `payment_due_at` says when it is released if still unpaid."""

    __tablename__ = "appointment"
    __table_args__ = (
        one_of("type", AppointmentType, "ck_appointment_type"),
        one_of("status", AppointmentStatus, "ck_appointment_status"),
        one_of("cancelled_reason", CancelReason, "ck_appointment_cancelled_reason"),
        CheckConstraint("starts_at < ends_at", name="ck_appointment_times"),
        CheckConstraint(
            "not isempty(busy) and busy @> tstzrange(starts_at, ends_at, '[)')", name="ck_appointment_busy"
        ),
        CheckConstraint("not isempty(seats)", name="ck_appointment_seats"),
        CheckConstraint("not overbooked or overbook_reason <> ''", name="ck_appointment_overbooked"),
        no_overlap("doctor_id", DOCTOR_CONSTRAINT, _HOLDS),
        no_overlap("room_id", ROOM_CONSTRAINT, f"room_id is not null and {_HOLDS}"),
        Index("ix_appointment_clinic_start", "clinic_id", "starts_at", "id", postgresql_include=["status"]),
        Index("ix_appointment_doctor_time", "clinic_id", "doctor_id", "starts_at", "id"),
        Index("ix_appointment_patient_time", "clinic_id", "patient_id", "starts_at", "id"),
        Index("ix_appointment_patient_status", "clinic_id", "patient_id", "status"),
        Index("ix_appointment_room_time", "clinic_id", "room_id", "starts_at", postgresql_where="room_id is not null"),
        Index(
            "ix_appointment_payment_due",
            "payment_due_at",
            postgresql_where="status = 'SCHEDULED' and payment_due_at is not null",
        ),
    )

    TRANSITIONS: ClassVar = {
        _S.REQUESTED: frozenset({_S.SCHEDULED, _S.CONFIRMED, _S.DECLINED, _S.CANCELLED}),
        _S.SCHEDULED: frozenset({_S.CONFIRMED, _S.CHECKED_IN, _S.CANCELLED, _S.NO_SHOW}),
        _S.CONFIRMED: frozenset({_S.CHECKED_IN, _S.CANCELLED, _S.NO_SHOW}),
        _S.CHECKED_IN: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.NO_SHOW}),
        _S.IN_PROGRESS: frozenset({_S.COMPLETED}),
        # Only for money that came after the release (app/scheduling/services/release.py).
        _S.CANCELLED: frozenset({_S.CONFIRMED}),
    }

    patient_id: Mapped[str] = tenant_reference("patient")
    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    room_id: Mapped[str | None] = tenant_reference("room", nullable=True)
    type: Mapped[str] = mapped_column(String(20), nullable=False)
    status: Mapped[str] = mapped_column(String(20), nullable=False, default=AppointmentStatus.SCHEDULED)
    starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    ends_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    busy: Mapped[Range[datetime]] = mapped_column(TSTZRANGE, nullable=False)
    seats: Mapped[Range[int]] = mapped_column(INT4RANGE, nullable=False, default=ALL_SEATS)
    overbooked: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    overbook_reason: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    notes: Mapped[str] = mapped_column(Text, nullable=False, default="")
    address: Mapped[str] = mapped_column(String(400), nullable=False, default="", server_default="")
    booked_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    booked_by_patient: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    payment_due_at: Mapped[datetime | None] = mapped_column(AwareTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    checked_in_at: Mapped[datetime | None] = mapped_column(AwareTime)
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cancelled_reason: Mapped[str | None] = mapped_column(String(20))
    cancelled_note: Mapped[str] = mapped_column(String(500), nullable=False, default="")

    patient: Mapped[Patient] = tenant_relationship("Patient", "Appointment.patient_id")
    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "Appointment.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "Appointment.location_id")
    room: Mapped[Room | None] = tenant_relationship("Room", "Appointment.room_id")

    @property
    def holds_slot(self) -> bool:
        return self.status in HOLDING

    def __str__(self) -> str:
        return f"{wall_clock(self.starts_at):%d %b %Y %H:%M}"


class AppointmentChange(TenantModel):
    """One line of an appointment's history; it is the trail of the visit, so the audit trail does not repeat it."""

    __tablename__ = "appointment_change"
    __table_args__ = (
        one_of("kind", ChangeKind, "ck_appointment_change_kind"),
        Index("ix_appointment_change_appointment", "clinic_id", "appointment_id", "created_at"),
    )
    __audited__ = False
    __append_only__ = True

    appointment_id: Mapped[str] = tenant_reference("appointment")
    kind: Mapped[str] = mapped_column(String(20), nullable=False)
    from_status: Mapped[str | None] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20), nullable=False)
    from_starts_at: Mapped[datetime | None] = mapped_column(AwareTime)
    to_starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    from_doctor_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    reason: Mapped[str] = mapped_column(String(500), nullable=False, default="")

    appointment: Mapped[Appointment] = tenant_relationship("Appointment", "AppointmentChange.appointment_id")

    def __str__(self) -> str:
        return self.kind
