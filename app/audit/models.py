"""The trail and the heads of each clinic's chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, BigInteger, Index, SmallInteger, String, Text, UniqueConstraint, Uuid, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel
from app.core.row_security import APP_ROLE


class AuditEntry(TenantModel):
    """Who did what to which row, when and why. `mac` seals the entry and the one before it in its lane."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("clinic_id", "lane", "number", name="uq_audit_entry_place"),
        Index("ix_audit_entry_entity", "clinic_id", "entity", "entity_id"),
        Index("ix_audit_entry_time", "clinic_id", "at"),
    )
    __audited__ = False

    lane: Mapped[int] = mapped_column(SmallInteger, nullable=False, default=0, server_default="0")
    number: Mapped[int] = mapped_column(BigInteger, nullable=False)
    at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    username: Mapped[str | None] = mapped_column(String(120))
    role: Mapped[str | None] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(80), nullable=False)
    entity: Mapped[str] = mapped_column(String(60), nullable=False)
    entity_id: Mapped[str | None] = mapped_column(String(36))
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    reason: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(64))
    event_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    mac: Mapped[str] = mapped_column(String(64), nullable=False)

    def __str__(self) -> str:
        return f"{self.lane}/{self.number} {self.action}"


class AuditChain(TenantModel):
    """The end of a lane of a clinic's chain; `seal` cannot be made without the key, so a cut tail shows.

    Several transactions of a clinic write at once, each into a lane of its own. That a lane was opened stands in
    lane 0, so that a lane that is gone shows as well (ADR 40).
    """

    __tablename__ = "audit_chain"
    __table_args__ = (UniqueConstraint("clinic_id", "lane", name="uq_audit_chain_lane"),)
    __audited__ = False

    lane: Mapped[int] = mapped_column(SmallInteger, nullable=False, default=0, server_default="0")
    length: Mapped[int] = mapped_column(BigInteger, nullable=False, default=0)
    mac: Mapped[str] = mapped_column(String(64), nullable=False, default="")
    seal: Mapped[str] = mapped_column(String(64), nullable=False, default="")


# The application may add to the trail and read it; nobody it serves can change it.
APPEND_ONLY = f"revoke update, delete on audit_entry from {APP_ROLE}"
event.listen(AuditEntry.__table__, "after_create", DDL(APPEND_ONLY))
