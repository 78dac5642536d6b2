"""A clinic's own wording of messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, one_of
from app.messaging.models.outbox import Channel


class ClinicTemplate(TenantModel):
    """One version of a clinic's wording of one message, on one channel and in one language. Versions are never
    changed; the newest `current` one is used, and none of them where the clinic went back to the default.
    """

    __tablename__ = "clinic_template"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name", "channel", "language", "version", name="uq_clinic_template_version"),
        Index(
            "uq_clinic_template_current",
            "clinic_id",
            "name",
            "channel",
            "language",
            unique=True,
            postgresql_where=text("current"),
        ),
        one_of("channel", Channel, "ck_clinic_template_channel"),
    )

    name: Mapped[str] = mapped_column(String(60), nullable=False)
    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    language: Mapped[str] = mapped_column(String(5), nullable=False)
    version: Mapped[int] = mapped_column(Integer, nullable=False)
    current: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    subject: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    body: Mapped[str] = mapped_column(Text, nullable=False, default="")
    # WhatsApp: what the provider approved, `{provider code: its name of the template}`, and our variables in its order.
    approved: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    positions: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    made_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    # It could not be used; the default went out instead.
    broken_at: Mapped[datetime | None] = mapped_column(AwareTime)
    broken_why: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    @property
    def state(self) -> str:
        if self.broken_at is not None and self.current:
            return "FAILED"
        return "ACTIVE" if self.current else "VOID"

    def __str__(self) -> str:
        return f"{self.name} {self.channel} {self.language} {self.version}"
