"""Fees for visits that nobody came to, or that were called off late."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship


class FeeKind(StrEnum):
    MISSED = "MISSED"
    LATE_CANCEL = "LATE_CANCEL"


class VisitFee(TenantModel):
    """One fee of one visit, with the invoice that asks for it. `settled_at`: what was paid for the visit went to it."""

    __tablename__ = "visit_fee"
    __table_args__ = (
        one_of("kind", FeeKind, "ck_visit_fee_kind"),
        CheckConstraint("percent between 1 and 100", name="ck_visit_fee_percent"),
        Index("ix_visit_fee_appointment", "clinic_id", "appointment_id", unique=True),
        Index("ix_visit_fee_time", "clinic_id", "created_at", "id"),
    )

    __located_through__ = "invoice"

    appointment_id: Mapped[str] = tenant_reference("appointment")
    invoice_id: Mapped[str] = tenant_reference("invoice")
    # The visit's own invoice, where it was paid for before.
    paid_invoice_id: Mapped[str | None] = tenant_reference("invoice", nullable=True)
    kind: Mapped[str] = mapped_column(String(12), nullable=False)
    percent: Mapped[int] = mapped_column(Integer, nullable=False)
    settled_at: Mapped[datetime | None] = mapped_column(AwareTime)

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "VisitFee.invoice_id", viewonly=True)
    appointment: Mapped[Any] = tenant_relationship("Appointment", "VisitFee.appointment_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.invoice)
