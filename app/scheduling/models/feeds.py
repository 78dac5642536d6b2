"""Secret links by which a doctor's calendar is subscribed to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, id_column, tenant_reference, tenant_relationship
from app.people.models import Doctor


class CalendarFeed(TenantModel):
    """One link to one doctor's visits, good until it is revoked. Only the hash of its token is kept."""

    __tablename__ = "calendar_feed"
    __table_args__ = (Index("ix_calendar_feed_token", "token_hash", unique=True),)
    __secret_columns__ = frozenset({"token_hash"})

    doctor_id: Mapped[str] = tenant_reference("doctor")
    # What the doctor calls it: the telephone, the calendar at home.
    label: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    token_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    made_by_id: Mapped[str | None] = id_column()
    last_read_at: Mapped[datetime | None] = mapped_column(AwareTime)
    revoked_at: Mapped[datetime | None] = mapped_column(AwareTime)

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "CalendarFeed.doctor_id", viewonly=True)

    @property
    def feed_status(self) -> str:
        return "ACTIVE" if self.revoked_at is None else "VOID"

    def __str__(self) -> str:
        return self.label
