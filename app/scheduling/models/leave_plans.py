"""What becomes of each visit that a doctor's leave meets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, id_column, one_of, tenant_reference, tenant_relationship
from app.jobs.models import JobRun
from app.people.models import Doctor
from app.scheduling.models.appointments import Appointment
from app.scheduling.models.availability import DoctorLeave


class LeaveAction(StrEnum):
    KEEP = "KEEP"
    MOVE = "MOVE"
    CANCEL = "CANCEL"


class LeaveVisitStatus(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


class LeaveVisit(TenantModel):
    """One visit in a doctor's leave, what was decided about it, and whether that was done."""

    __tablename__ = "leave_visit"
    __table_args__ = (
        one_of("action", LeaveAction, "ck_leave_visit_action"),
        one_of("status", LeaveVisitStatus, "ck_leave_visit_status"),
        CheckConstraint(
            "action <> 'MOVE' or (to_doctor_id is not null and to_starts_at is not null)", name="ck_leave_visit_target"
        ),
        Index("ix_leave_visit_leave", "clinic_id", "doctor_leave_id", "position", unique=True),
    )

    doctor_leave_id: Mapped[str] = tenant_reference("doctor_leave")
    # Of app/jobs; a run may be forgotten while what became of the visits is kept.
    job_run_id: Mapped[str | None] = id_column()
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    appointment_id: Mapped[str] = tenant_reference("appointment")
    action: Mapped[str] = mapped_column(String(10), nullable=False)
    to_doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    to_starts_at: Mapped[datetime | None] = mapped_column(AwareTime)
    refund: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=LeaveVisitStatus.PENDING)
    problem: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    leave: Mapped[DoctorLeave] = tenant_relationship("DoctorLeave", "LeaveVisit.doctor_leave_id", viewonly=True)
    run: Mapped[JobRun | None] = tenant_relationship("JobRun", "LeaveVisit.job_run_id", viewonly=True)
    appointment: Mapped[Appointment] = tenant_relationship("Appointment", "LeaveVisit.appointment_id", viewonly=True)
    to_doctor: Mapped[Doctor | None] = tenant_relationship("Doctor", "LeaveVisit.to_doctor_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.appointment)
