"""Where a clinic's own systems want to hear of events, and what was sent there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.events.models import EventRecord


class WebhookEndpoint(TenantModel):
    """An address, what it wants to hear, and the sealed secret that signs. While a secret is replaced, both sign."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (UniqueConstraint("clinic_id", "name", name="uq_webhook_endpoint_name"),)
    __secret_columns__ = frozenset({"secret", "previous_secret"})

    name: Mapped[str] = mapped_column(String(100), nullable=False)
    url: Mapped[str] = mapped_column(String(500), nullable=False)
    patterns: Mapped[list[str]] = mapped_column(JSONB, nullable=False)
    enabled: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    disabled_reason: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    secret: Mapped[str] = mapped_column(Text, nullable=False)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None] = mapped_column(AwareTime)
    # Since when nothing arrived any more, and how often that was; empty after a success.
    failing_since: Mapped[datetime | None] = mapped_column(AwareTime)
    failures: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # Nothing is sent before: it does not answer, or asked for peace.
    rests_until: Mapped[datetime | None] = mapped_column(AwareTime)
    # A worker has it until then: one at a time sends, so that events arrive in their order where nothing fails.
    taken_until: Mapped[datetime | None] = mapped_column(AwareTime)
    last_success_at: Mapped[datetime | None] = mapped_column(AwareTime)

    def __str__(self) -> str:
        return self.name


class WebhookStatus(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    PARKED = "PARKED"


class WebhookDelivery(TenantModel):
    """One event, or a test, for one endpoint. Its id is the `webhook-id` of every attempt: receivers know a repetition
    by it.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        one_of("status", WebhookStatus, "ck_webhook_delivery_status"),
        Index("ix_webhook_delivery_due", "next_at", postgresql_where="status = 'PENDING'"),
        Index("ix_webhook_delivery_endpoint", "clinic_id", "endpoint_id", "status", "next_at"),
        Index("ix_webhook_delivery_time", "clinic_id", "created_at"),
    )
    __audited__ = False  # machinery; the event and the endpoint are in the trail

    endpoint_id: Mapped[str] = tenant_reference("webhook_endpoint")
    event_id: Mapped[str | None] = tenant_reference("event", nullable=True)
    event_type: Mapped[str] = mapped_column(String(80), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=WebhookStatus.PENDING)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    answer_status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    # The latest attempts: when, what came back, how long it took.
    attempt_log: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False, default=list)

    endpoint: Mapped[WebhookEndpoint] = tenant_relationship(
        "WebhookEndpoint", "WebhookDelivery.endpoint_id", viewonly=True
    )
    event: Mapped[EventRecord | None] = tenant_relationship("EventRecord", "WebhookDelivery.event_id", viewonly=True)

    @property
    def next_attempt_at(self) -> datetime | None:
        """None when there is none."""
        return self.next_at if self.status == WebhookStatus.PENDING else None

    @property
    def tries(self) -> list[dict[str, Any]]:
        """The log of attempts, the latest first."""
        return [{**item, "at": datetime.fromisoformat(item["at"])} for item in reversed(self.attempt_log)]

    def __str__(self) -> str:
        return self.event_type
