"""When doctors can be booked: weekly hours, days on which it is otherwise, leave, and slots held for somebody."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import CheckConstraint, Date, Index, Integer, String, Time, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, INT4RANGE, TSTZRANGE, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models.seats import ALL_SEATS, no_overlap, wall_clock
from app.tenancy.models import Location, Room


class ExceptionKind(StrEnum):
    REMOVE = "REMOVE"
    ADD = "ADD"


_TYPES = "types <@ array[{}]::varchar[] and cardinality(types) > 0".format(", ".join(f"'{x}'" for x in AppointmentType))

HOLD_CONSTRAINT = "ex_slot_hold_doctor"


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


class DoctorLeave(TenantModel):
    """Time in which a doctor sees nobody, in instants; it counts until it is cancelled."""

    __tablename__ = "doctor_leave"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="ck_doctor_leave_times"),
        Index("ix_doctor_leave_doctor", "clinic_id", "doctor_id", "ends_at"),
    )

    doctor_id: Mapped[str] = tenant_reference("doctor")
    starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    ends_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    reason: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    cancelled_at: Mapped[datetime | None] = mapped_column(AwareTime)

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "DoctorLeave.doctor_id")

    def __str__(self) -> str:
        return f"{wall_clock(self.starts_at):%d %b %Y %H:%M} – {wall_clock(self.ends_at):%d %b %Y %H:%M}"


class SlotHold(TenantModel):
    """A slot kept for somebody who fills a form; void from `expires_at` on, swept later."""

    __tablename__ = "slot_hold"
    __table_args__ = (
        Index("ix_slot_hold_doctor", "clinic_id", "doctor_id", "starts_at"),
        Index("ix_slot_hold_expiry", "expires_at"),
        no_overlap("doctor_id", HOLD_CONSTRAINT, "true"),
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
