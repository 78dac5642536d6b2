"""Recurring visits: the rule that somebody asked for, and the visits that were booked by it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.people.models import AppointmentType, Doctor, Patient
from app.scheduling.models.appointments import Appointment
from app.scheduling.models.seats import wall_clock
from app.tenancy.models import Location

MOST_VISITS = 52


class Every(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class AppointmentSeries(TenantModel):
    """Visits of one patient every so many days, weeks or months, at one time of the clinic's day."""

    __tablename__ = "appointment_series"
    __table_args__ = (
        one_of("type", AppointmentType, "ck_appointment_series_type"),
        one_of("every", Every, "ck_appointment_series_every"),
        CheckConstraint("steps between 1 and 26", name="ck_appointment_series_steps"),
        CheckConstraint(f"visits_wanted between 2 and {MOST_VISITS}", name="ck_appointment_series_visits"),
        Index("ix_appointment_series_time", "clinic_id", "created_at", "id"),
    )

    patient_id: Mapped[str] = tenant_reference("patient")
    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    type: Mapped[str] = mapped_column(String(20), nullable=False)
    every: Mapped[str] = mapped_column(String(10), nullable=False)
    steps: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    visits_wanted: Mapped[int] = mapped_column(Integer, nullable=False)
    first_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)

    patient: Mapped[Patient] = tenant_relationship("Patient", "AppointmentSeries.patient_id", viewonly=True)
    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "AppointmentSeries.doctor_id", viewonly=True)
    location: Mapped[Location | None] = tenant_relationship("Location", "AppointmentSeries.location_id", viewonly=True)

    def __str__(self) -> str:
        return f"{wall_clock(self.first_at):%d %b %Y %H:%M} × {self.visits_wanted}"


class SeriesVisit(TenantModel):
    """One visit of a series. Moved by itself, it stays in it."""

    __tablename__ = "series_visit"
    __table_args__ = (
        Index("ix_series_visit_series", "clinic_id", "appointment_series_id", "position", unique=True),
        Index("ix_series_visit_appointment", "clinic_id", "appointment_id", unique=True),
    )
    __audited__ = False  # the series and the visits are in the trail

    appointment_series_id: Mapped[str] = tenant_reference("appointment_series")
    appointment_id: Mapped[str] = tenant_reference("appointment")
    position: Mapped[int] = mapped_column(Integer, nullable=False)

    series: Mapped[AppointmentSeries] = tenant_relationship(
        "AppointmentSeries", "SeriesVisit.appointment_series_id", viewonly=True
    )
    appointment: Mapped[Appointment] = tenant_relationship("Appointment", "SeriesVisit.appointment_id", viewonly=True)

    def __str__(self) -> str:
        return f"{self.position}: {self.appointment}"
