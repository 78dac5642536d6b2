"""Who waits for a slot, and which freed slots they were offered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, Index, Integer, String, Time, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models.appointments import Appointment
from app.scheduling.models.seats import wall_clock
from app.tenancy.models import Location


class WaitingStatus(StrEnum):
    WAITING = "WAITING"
    OFFER_OPEN = "OFFER_OPEN"
    BOOKED = "BOOKED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class OfferStatus(StrEnum):
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    PASSED = "PASSED"
    EXPIRED = "EXPIRED"


_W, _O = WaitingStatus, OfferStatus


class WaitingListEntry(Stateful, TenantModel):
    """A patient who takes a slot of that kind, with that doctor or any, between the days and times of day."""

    __tablename__ = "waiting_list_entry"
    __table_args__ = (
        one_of("type", AppointmentType, "ck_waiting_list_entry_type"),
        one_of("status", WaitingStatus, "ck_waiting_list_entry_status"),
        CheckConstraint("first_on <= last_on", name="ck_waiting_list_entry_days"),
        CheckConstraint("from_time < until_time", name="ck_waiting_list_entry_times"),
        Index(
            "ix_waiting_list_entry_waiting",
            "clinic_id",
            "last_on",
            postgresql_where=text("status in ('WAITING', 'OFFER_OPEN')"),
        ),
        Index("ix_waiting_list_entry_patient", "clinic_id", "patient_id", "created_at"),
    )

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        _W.WAITING: frozenset({_W.OFFER_OPEN, _W.BOOKED, _W.WITHDRAWN, _W.EXPIRED}),
        _W.OFFER_OPEN: frozenset({_W.WAITING, _W.BOOKED, _W.WITHDRAWN}),
    }

    patient_id: Mapped[str] = tenant_reference("patient")
    doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    type: Mapped[str] = mapped_column(String(20), nullable=False)
    status: Mapped[str] = mapped_column(String(12), nullable=False, default=WaitingStatus.WAITING)
    first_on: Mapped[date] = mapped_column(Date, nullable=False)
    last_on: Mapped[date] = mapped_column(Date, nullable=False)
    from_time: Mapped[time | None] = mapped_column(Time)
    until_time: Mapped[time | None] = mapped_column(Time)
    urgent: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    note: Mapped[str] = mapped_column(String(500), nullable=False, default="")
    # Offers that ran out: whoever never answers moves behind those who do.
    missed: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    appointment_id: Mapped[str | None] = tenant_reference("appointment", nullable=True)

    patient: Mapped[Patient] = tenant_relationship("Patient", "WaitingListEntry.patient_id")
    doctor: Mapped[Doctor | None] = tenant_relationship("Doctor", "WaitingListEntry.doctor_id")
    location: Mapped[Location | None] = tenant_relationship("Location", "WaitingListEntry.location_id")
    appointment: Mapped[Appointment | None] = tenant_relationship(
        "Appointment", "WaitingListEntry.appointment_id", viewonly=True
    )

    def __str__(self) -> str:
        return f"{self.first_on:%d %b %Y} – {self.last_on:%d %b %Y}"


class SlotOffer(Stateful, TenantModel):
    """One freed slot, kept for one who waits until `expires_at`. Only the hash of its link's token is stored."""

    __tablename__ = "slot_offer"
    __table_args__ = (
        one_of("status", OfferStatus, "ck_slot_offer_status"),
        CheckConstraint("starts_at < ends_at", name="ck_slot_offer_times"),
        # Nobody has two offers, and no slot is offered to two.
        Index(
            "ix_slot_offer_open_entry",
            "clinic_id",
            "waiting_list_entry_id",
            unique=True,
            postgresql_where=text("status = 'OPEN'"),
        ),
        Index(
            "ix_slot_offer_open_slot",
            "clinic_id",
            "doctor_id",
            "starts_at",
            unique=True,
            postgresql_where=text("status = 'OPEN'"),
        ),
        Index("ix_slot_offer_due", "expires_at", postgresql_where=text("status = 'OPEN'")),
        Index("ix_slot_offer_token", "token_hash", unique=True),
    )
    __secret_columns__ = frozenset({"token_hash"})

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        _O.OPEN: frozenset({_O.ACCEPTED, _O.PASSED, _O.EXPIRED}),
    }

    waiting_list_entry_id: Mapped[str] = tenant_reference("waiting_list_entry")
    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    # The slot's hold, which is gone when the offer is over.
    hold_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    ends_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=OfferStatus.OPEN)
    token_hash: Mapped[str] = mapped_column(String(64), nullable=False)

    entry: Mapped[WaitingListEntry] = tenant_relationship(
        "WaitingListEntry", "SlotOffer.waiting_list_entry_id", viewonly=True
    )
    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "SlotOffer.doctor_id", viewonly=True)
    location: Mapped[Location] = tenant_relationship("Location", "SlotOffer.location_id", viewonly=True)

    def __str__(self) -> str:
        return f"{wall_clock(self.starts_at):%d %b %Y %H:%M}"
