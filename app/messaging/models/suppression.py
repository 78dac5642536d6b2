"""Addresses that nothing is sent to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of
from app.messaging.models.outbox import Channel


class SuppressionReason(StrEnum):
    """Why nothing is sent. UNREACHABLE ends by itself; the others end when somebody, or the person, says so."""

    BOUNCED = "BOUNCED"
    COMPLAINED = "COMPLAINED"
    OPTED_OUT = "OPTED_OUT"
    INVALID = "INVALID"
    UNREACHABLE = "UNREACHABLE"
    MANUAL = "MANUAL"


class SuppressedAddress(TenantModel):
    """One address on one channel. The address itself is not kept: a keyed hash finds it, `masked` shows it."""

    __tablename__ = "suppressed_address"
    __table_args__ = (
        UniqueConstraint("clinic_id", "channel", "address_hash", name="uq_suppressed_address"),
        Index("ix_suppressed_address_time", "clinic_id", "created_at"),
        one_of("channel", Channel, "ck_suppressed_address_channel"),
        one_of("reason", SuppressionReason, "ck_suppressed_address_reason"),
    )
    __secret_columns__ = frozenset({"address_hash"})

    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    address_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    masked: Mapped[str] = mapped_column(String(80), nullable=False)
    reason: Mapped[str] = mapped_column(String(20), nullable=False)
    # A provider's code, with its own code for the failure after a colon; "desk" where a person decided.
    source: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    # Failures in a row that are no reason by themselves.
    soft_failures: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # Suppressed from then on; empty while soft failures are only counted.
    since: Mapped[datetime | None] = mapped_column(AwareTime)
    until: Mapped[datetime | None] = mapped_column(AwareTime)
    cleared_at: Mapped[datetime | None] = mapped_column(AwareTime)

    @property
    def active(self) -> bool:
        if self.since is None or self.cleared_at is not None:
            return False
        return self.until is None or self.until > clock.now()

    @property
    def state(self) -> str:
        return "SUPPRESSED" if self.active else "CLEARED"

    def __str__(self) -> str:
        return self.masked
