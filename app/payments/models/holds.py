"""Payments that wait until somebody has looked at them (SPEC PAY-7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, id_column, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.core.vocabulary import label_of
from app.payments.models.payments import Payment


class HoldReason(StrEnum):
    """Which rule held it. The first three before the payer is sent to the gateway, the last once money came."""

    LARGE_AMOUNT = "LARGE_AMOUNT"
    VELOCITY = "VELOCITY"
    REPEATED_FAILURE = "REPEATED_FAILURE"
    MISMATCH = "MISMATCH"


class HoldStatus(StrEnum):
    OPEN = "OPEN"
    RELEASED = "RELEASED"
    DECLINED = "DECLINED"


class PaymentHold(Stateful, TenantModel):
    """One review of a payment, with the rules that asked for it."""

    __tablename__ = "payment_hold"
    __table_args__ = (
        one_of("status", HoldStatus, "ck_payment_hold_status"),
        Index("ix_payment_hold_status", "clinic_id", "status", "created_at"),
        Index("ix_payment_hold_payment", "clinic_id", "payment_id"),
        Index("uq_payment_hold_open", "clinic_id", "payment_id", unique=True, postgresql_where=text("status = 'OPEN'")),
    )

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        HoldStatus.OPEN: frozenset({HoldStatus.RELEASED, HoldStatus.DECLINED}),
    }

    payment_id: Mapped[str] = tenant_reference("payment")
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=HoldStatus.OPEN)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(String(20)), nullable=False)
    decided_by_id: Mapped[str | None] = id_column()
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    note: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    payment: Mapped[Payment] = tenant_relationship("Payment", "PaymentHold.payment_id", viewonly=True)

    @property
    def patient(self) -> Any:
        return self.payment.patient

    @property
    def why(self) -> str:
        """The rules in words."""
        return ", ".join(label_of(reason) for reason in self.reasons)

    def __str__(self) -> str:
        return f"{self.why}: {label_of(self.status)}"
