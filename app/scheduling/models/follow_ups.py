"""Which visit follows which. A table of its own: plain bookings, which are most, pay for no column and no index."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from app.core.models import TenantModel, tenant_reference, tenant_relationship
from app.scheduling.models.appointments import Appointment


class FollowUp(TenantModel):
    """One visit that was booked as the follow-up of another."""

    __tablename__ = "follow_up"
    __table_args__ = (
        Index("ix_follow_up_appointment", "clinic_id", "appointment_id", unique=True),
        CheckConstraint("appointment_id <> after_id", name="ck_follow_up_other"),
    )

    appointment_id: Mapped[str] = tenant_reference("appointment")
    after_id: Mapped[str] = tenant_reference("appointment")

    appointment: Mapped[Appointment] = tenant_relationship("Appointment", "FollowUp.appointment_id", viewonly=True)
    after: Mapped[Appointment] = tenant_relationship("Appointment", "FollowUp.after_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.appointment)
