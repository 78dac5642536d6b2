"""Reminders that were given out: one per visit, time and step, however often a job looks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, tenant_reference, tenant_relationship
from app.scheduling.models.appointments import Appointment
from app.scheduling.models.seats import wall_clock


class AppointmentReminder(TenantModel):
    """A reminder `hours` before a visit that begins at `starts_at`; a visit that moves is reminded of anew."""

    __tablename__ = "appointment_reminder"
    __table_args__ = (
        Index("ix_appointment_reminder", "clinic_id", "appointment_id", "hours", "starts_at", unique=True),
        CheckConstraint("hours between 1 and 168", name="ck_appointment_reminder_hours"),
    )
    __audited__ = False  # its event and its message are in the trail

    appointment_id: Mapped[str] = tenant_reference("appointment")
    hours: Mapped[int] = mapped_column(Integer, nullable=False)
    starts_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)

    appointment: Mapped[Appointment] = tenant_relationship(
        "Appointment", "AppointmentReminder.appointment_id", viewonly=True
    )

    def __str__(self) -> str:
        return f"{wall_clock(self.starts_at):%d %b %Y %H:%M}"
