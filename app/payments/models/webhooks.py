"""The webhook inbox."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import (
    AwareTime,
    TenantModel,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.payments.models.payments import Payment


class WebhookStatus(StrEnum):
    """WAITING: it is about something we do not know yet; PARKED: it failed for good and waits for a person."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    WAITING = "WAITING"
    PARKED = "PARKED"


class WebhookEvent(TenantModel):
    """A verified webhook as it came, stored before anything is done with it."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        UniqueConstraint("clinic_id", "gateway", "account_id", "event_id", name="uq_webhook_event"),
        one_of("status", WebhookStatus, "ck_webhook_event_status"),
        Index("ix_webhook_event_due", "next_at", postgresql_where=text("status in ('RECEIVED', 'WAITING')")),
        Index("ix_webhook_event_status", "clinic_id", "status", "created_at"),
    )

    __audited__ = False  # machinery; what it brings about is in the trail

    gateway: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    event_id: Mapped[str] = mapped_column(String(120), nullable=False)
    event: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    order_id: Mapped[str | None] = mapped_column(String(80))
    gateway_payment_id: Mapped[str | None] = mapped_column(String(80))
    occurred_at: Mapped[datetime | None] = mapped_column(AwareTime)
    raw: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=WebhookStatus.RECEIVED)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    processed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    error: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    payment_id: Mapped[str | None] = tenant_reference("payment", nullable=True)

    payment: Mapped[Payment | None] = tenant_relationship("Payment", "WebhookEvent.payment_id", viewonly=True)

    @property
    def body(self) -> str:
        """What the gateway sent, as text."""
        return bytes(self.raw).decode(errors="replace")

    def __str__(self) -> str:
        return f"{self.gateway} {self.event}"
