"""Chargebacks and questions of the payer's bank: beside the payment's status, which they do not change (SPEC PAY-7)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.formatting import money
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    minor_column,
    money_of,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.vocabulary import label_of
from app.payments.models.payments import Payment


class DisputeState(StrEnum):
    """The last three are final. CLOSED: ended without a verdict that the gateway tells."""

    OPEN = "OPEN"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    LOST = "LOST"
    CLOSED = "CLOSED"


class Dispute(TenantModel):
    """One dispute at the gateway. Its money is booked when it is lost."""

    __tablename__ = "dispute"
    __table_args__ = (
        UniqueConstraint("clinic_id", "payment_id", "gateway_dispute_id", name="uq_dispute"),
        one_of("state", DisputeState, "ck_dispute_state"),
        CheckConstraint("amount_minor >= 0", name="ck_dispute_amount"),
        Index("ix_dispute_state", "clinic_id", "state", "respond_by"),
        Index("ix_dispute_gateway_id", "clinic_id", "gateway_dispute_id"),
    )

    payment_id: Mapped[str] = tenant_reference("payment")
    gateway_dispute_id: Mapped[str] = mapped_column(String(80), nullable=False)
    state: Mapped[str] = mapped_column(String(12), nullable=False, default=DisputeState.OPEN)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    reason: Mapped[str] = mapped_column(String(120), nullable=False, default="")
    phase: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    respond_by: Mapped[datetime | None] = mapped_column(AwareTime)
    closed_at: Mapped[datetime | None] = mapped_column(AwareTime)

    payment: Mapped[Payment] = tenant_relationship("Payment", "Dispute.payment_id", viewonly=True)

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def undecided(self) -> bool:
        return self.state in (DisputeState.OPEN, DisputeState.UNDER_REVIEW)

    @property
    def lost(self) -> bool:
        return self.state == DisputeState.LOST

    def __str__(self) -> str:
        return f"{money(self.amount)}, {label_of(self.state)}"
