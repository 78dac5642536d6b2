"""Availability, holds and appointments; double booking is impossible by the exclusion constraints of `appointment`."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, CheckConstraint, Date, Index, Integer, String, Text, Time, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, INT4RANGE, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.core.tenant import current_clinic_id
from app.people.models import AppointmentType, Doctor, Patient
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope


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


class ExceptionKind(StrEnum):
    REMOVE = "REMOVE"
    ADD = "ADD"


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
_TYPES = "types <@ array[{}]::varchar[] and cardinality(types) > 0".format(", ".join(f"'{x}'" for x in AppointmentType))

DOCTOR_CONSTRAINT = "ex_appointment_doctor"
ROOM_CONSTRAINT = "ex_appointment_room"
HOLD_CONSTRAINT = "ex_slot_hold_doctor"

# A plain visit takes all seats of its time; a member of a group takes one seat, [k, k+1).
ALL_SEATS: Range[int] = Range(0, None)


def _key_of(column: str) -> Any:
    """An id as a range of one point, so that GiST can compare it without the btree_gist extension (DESIGN 9)."""
    return text(f"int8range(uuid_hash_extended({column}, 0), uuid_hash_extended({column}, 0), '[]')")


def _no_overlap(column: str, name: str, where: str) -> ExcludeConstraint:
    return ExcludeConstraint(
        (_key_of(column), "&&"),
        (text("busy"), "&&"),
        (text("seats"), "&&"),
        using="gist",
        name=name,
        where=text(where),
        deferrable=True,
        initially="IMMEDIATE",
    )


def wall_clock(moment: datetime) -> datetime:
    """The moment as the clinic's clock shows it; UTC where no clinic is in scope."""
    return moment.astimezone(ZoneInfo(settings_in_scope().zone)) if current_clinic_id() else moment


class OpenHours:
    """What weekly hours and added hours have in common; times of day are the clinic's wall clock."""

    types: Mapped[list[str]] = mapped_column(ARRAY(String(20)), nullable=False, default=lambda: list(AppointmentType))
    slot_minutes: Mapped[int] = mapped_column(Integer, nullable=False, default=15)
    capacity: Mapped[int] = mapped_column(Integer, nullable=False, default=1)


def _open_hours_checks(table: str) -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint(_TYPES, name=f"ck_{table}_types"),
        CheckConstraint("slot_minutes between 5 and 480", name=f"ck_{table}_slot"),
        CheckConstraint("capacity between 1 and 500", name=f"ck_{table}_capacity"),
    )


class AvailabilityRule(OpenHours, TenantModel):
    """Weekly recurring hours of a doctor at a location. `weekday` 0 is Monday."""

    __open_to_patients__ = True
    __tablename__ = "availability_rule"
    __table_args__ = (
        Index("ix_availability_rule_doctor", "clinic_id", "doctor_id", "weekday"),
        CheckConstraint("weekday between 0 and 6", name="ck_availability_rule_weekday"),
        CheckConstraint("opens < closes", name="ck_availability_rule_hours"),
        CheckConstraint("valid_from <= valid_until", name="ck_availability_rule_validity"),
        *_open_hours_checks("availability_rule"),
    )

    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    room_id: Mapped[str | None] = tenant_reference("room", nullable=True)
    weekday: Mapped[int] = mapped_column(Integer, nullable=False)
    opens: Mapped[time] = mapped_column(Time, nullable=False)
    closes: Mapped[time] = mapped_column(Time, nullable=False)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "AvailabilityRule.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "AvailabilityRule.location_id")
    room: Mapped[Room | None] = tenant_relationship("Room", "AvailabilityRule.room_id")

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}–{self.closes:%H:%M}"


class AvailabilityException(OpenHours, TenantModel):
    """Days on which time is removed (all day without hours; every doctor without a doctor: a holiday) or added."""

    __open_to_patients__ = True
    __tablename__ = "availability_exception"
    __table_args__ = (
        Index("ix_availability_exception_days", "clinic_id", "ends_on", "starts_on"),
        one_of("kind", ExceptionKind, "ck_availability_exception_kind"),
        CheckConstraint("starts_on <= ends_on", name="ck_availability_exception_days"),
        CheckConstraint("(opens is null) = (closes is null) and opens < closes", name="ck_availability_exception_hour"),
        CheckConstraint(
            "kind = 'REMOVE' or (doctor_id is not null and location_id is not null and opens is not null)",
            name="ck_availability_exception_added",
        ),
        *_open_hours_checks("availability_exception"),
    )

    doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    room_id: Mapped[str | None] = tenant_reference("room", nullable=True)
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    starts_on: Mapped[date] = mapped_column(Date, nullable=False)
    ends_on: Mapped[date] = mapped_column(Date, nullable=False)
    opens: Mapped[time | None] = mapped_column(Time)
    closes: Mapped[time | None] = mapped_column(Time)
    reason: Mapped[str] = mapped_column(String(200), nullable=False, default="")

    doctor: Mapped[Doctor | None] = tenant_relationship("Doctor", "AvailabilityException.doctor_id")
    location: Mapped[Location | None] = tenant_relationship("Location", "AvailabilityException.location_id")
    room: Mapped[Room | None] = tenant_relationship("Room", "AvailabilityException.room_id")

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_on}"


class SlotHold(TenantModel):
    """A slot kept for somebody who fills a form; void from `expires_at` on, swept later."""

    __tablename__ = "slot_hold"
    __table_args__ = (
        Index("ix_slot_hold_doctor", "clinic_id", "doctor_id", "starts_at"),
        Index("ix_slot_hold_expiry", "expires_at"),
        _no_overlap("doctor_id", HOLD_CONSTRAINT, "true"),
    )
    __audited__ = False

    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    held_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    type: Mapped[str] = mapped_column(String(20), nullable=False)
    starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    ends_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    busy: Mapped[Range[datetime]] = mapped_column(TSTZRANGE, nullable=False)
    seats: Mapped[Range[int]] = mapped_column(INT4RANGE, nullable=False, default=ALL_SEATS)
    expires_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "SlotHold.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "SlotHold.location_id")
    patient: Mapped[Patient | None] = tenant_relationship("Patient", "SlotHold.patient_id")

    def __str__(self) -> str:
        return f"{wall_clock(self.starts_at):%d %b %Y %H:%M}"


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
        _no_overlap("doctor_id", DOCTOR_CONSTRAINT, _HOLDS),
        _no_overlap("room_id", ROOM_CONSTRAINT, f"room_id is not null and {_HOLDS}"),
        Index("ix_appointment_clinic_time", "clinic_id", "starts_at", "id"),
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
