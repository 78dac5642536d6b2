"""The outbox and its deliveries."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, Integer, String, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
from app.core.ids import new_id
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship

# How long a first wake-up may take before the sweeper repeats it: longer than a busy queue's usual wait.
GRACE = timedelta(seconds=15)


def overdue_at() -> datetime:
    return clock.now() + GRACE


class DeliveryStatus(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    PARKED = "PARKED"


class EventRecord(TenantModel):
    """One published event: the envelope of SPEC EVT-2. `payload` is dropped after EVENT_PAYLOAD_DAYS, its
    hash stays.
    """

    __tablename__ = "event"
    __append_only__ = True
    __table_args__ = (
        Index("ix_event_clinic_time", "clinic_id", "occurred_at"),
        Index("ix_event_with_payload", "occurred_at", postgresql_where="payload is not null"),
    )

    type: Mapped[str] = mapped_column(String(80), nullable=False, index=True)
    category: Mapped[str] = mapped_column(String(20), nullable=False)
    priority: Mapped[str] = mapped_column(String(10), nullable=False)
    version: Mapped[str] = mapped_column(String(10), nullable=False)
    source: Mapped[str] = mapped_column(String(80), nullable=False)
    occurred_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    subject_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False), index=True)
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    payload_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    # Chosen here: the entry that the trail writes of the event takes it.
    audit_entry_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False), default=new_id)

    deliveries: Mapped[list[EventDelivery]] = relationship(
        primaryjoin="foreign(EventDelivery.event_id) == EventRecord.id", viewonly=True
    )

    def __str__(self) -> str:
        return self.type


class EventDelivery(TenantModel):
    """One listener's copy of an event. DONE commits together with what the listener did."""

    __tablename__ = "event_delivery"
    __table_args__ = (
        one_of("status", DeliveryStatus, "ck_event_delivery_status"),
        Index("ix_event_delivery_due", "next_at", postgresql_where="status = 'PENDING'"),
        Index("ix_event_delivery_status", "clinic_id", "status", "created_at"),
    )

    event_id: Mapped[str] = tenant_reference("event")
    listener: Mapped[str] = mapped_column(String(160), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=overdue_at)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    error: Mapped[str | None] = mapped_column(Text)

    event: Mapped[EventRecord] = tenant_relationship("EventRecord", "EventDelivery.event_id", viewonly=True)

    @property
    def status_code(self) -> DeliveryStatus:
        return DeliveryStatus(self.status)

    def __str__(self) -> str:
        return self.listener.rpartition(".")[2]
