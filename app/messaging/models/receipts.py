"""What providers tell us about messages, and the devices that push messages go to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, Integer, LargeBinary, String, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship


class NoticeStatus(StrEnum):
    """WAITING: about a message that is only being sent, or that we do not know yet. PARKED: it failed for good."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    WAITING = "WAITING"
    PARKED = "PARKED"


class ProviderNotice(TenantModel):
    """A verified webhook of a message provider as it came, stored before anything is done with it. What it says of
    persons is forgotten after a month.
    """

    __tablename__ = "provider_notice"
    __table_args__ = (
        UniqueConstraint("clinic_id", "provider", "account_id", "notice_key", name="uq_provider_notice"),
        one_of("status", NoticeStatus, "ck_provider_notice_status"),
        Index("ix_provider_notice_due", "next_at", postgresql_where=text("status in ('RECEIVED', 'WAITING')")),
        Index("ix_provider_notice_time", "clinic_id", "created_at"),
        Index("ix_provider_notice_kept", "created_at", postgresql_where=text("raw <> ''::bytea")),
    )
    __audited__ = False  # machinery; what it brings about is in the trail
    __secret_columns__ = frozenset({"raw", "headers"})

    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    notice_key: Mapped[str] = mapped_column(String(64), nullable=False)
    url: Mapped[str] = mapped_column(Text, nullable=False, default="")
    raw: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=NoticeStatus.RECEIVED)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    processed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # What it told, in short: "delivered", "failed 5.1.1", "opted_out".
    summary: Mapped[str] = mapped_column(String(120), nullable=False, default="")
    error: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    def __str__(self) -> str:
        from app.messaging.words import provider_name, told_words

        return f"{provider_name(self.provider)}: {told_words(self.summary)}"

    @property
    def next_look(self) -> datetime | None:
        """When it is looked at again, while that is to come."""
        return self.next_at if self.status in (NoticeStatus.RECEIVED, NoticeStatus.WAITING) else None


class DevicePlatform(StrEnum):
    ANDROID = "ANDROID"
    IOS = "IOS"
    WEB = "WEB"


class TokenKind(StrEnum):
    """A registration token, or the Firebase installation id that takes its place."""

    TOKEN = "TOKEN"  # noqa: S105 - the name of a kind
    FID = "FID"


class DeviceToken(TenantModel):
    """A device of a person who wants push messages. Messages name the row, never the token."""

    __tablename__ = "device_token"
    __table_args__ = (
        UniqueConstraint("clinic_id", "token_hash", name="uq_device_token"),
        Index("ix_device_token_user", "clinic_id", "user_id"),
        one_of("platform", DevicePlatform, "ck_device_token_platform"),
        one_of("kind", TokenKind, "ck_device_token_kind"),
    )
    __audited__ = False  # apps register at every start
    __secret_columns__ = frozenset({"token", "token_hash"})

    user_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    platform: Mapped[str] = mapped_column(String(10), nullable=False)
    kind: Mapped[str] = mapped_column(String(10), nullable=False, default=TokenKind.TOKEN)
    token: Mapped[str] = mapped_column(Text, nullable=False)
    token_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    seen_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)

    patient: Mapped[Any] = tenant_relationship("Patient", "DeviceToken.patient_id", viewonly=True)

    def __str__(self) -> str:
        return f"{self.platform} …{self.token[-6:]}"
