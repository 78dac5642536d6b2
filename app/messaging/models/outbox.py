"""The outbox: messages and every attempt to send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.tenancy.queries import settings_in_scope


class Channel(StrEnum):
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    SMS = "sms"
    PUSH = "push"
    IN_APP = "in_app"


class MessageStatus(StrEnum):
    """PARKED: it may have been sent, or nobody can send it now; a person decides. DIGESTED: it left in another one."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    FAILED = "FAILED"
    PARKED = "PARKED"
    SUPPRESSED = "SUPPRESSED"
    DIGESTED = "DIGESTED"


# How soon a message leaves: the smaller, the sooner.
URGENCY: Mapping[str, int] = {"CRITICAL": 0, "HIGH": 1, "NORMAL": 2, "LOW": 3}


class Message(Stateful, TenantModel):
    """One message to one person on one channel. `dedupe_key` makes a second request for the same message find the
    first.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("clinic_id", "channel", "dedupe_key", name="uq_message_dedupe"),
        Index("ix_message_due", "next_at", postgresql_where=text("status in ('QUEUED', 'SENDING')")),
        Index("ix_message_queued", "urgency", "next_at", postgresql_where=text("status = 'QUEUED'")),
        Index("ix_message_digest", "clinic_id", "digest_id", postgresql_where=text("digest_id is not null")),
        Index("ix_message_clinic_time", "clinic_id", "created_at", "id"),
        Index(
            "ix_message_in_app",
            "clinic_id",
            "recipient",
            "created_at",
            "id",
            postgresql_where=text("channel = 'in_app'"),
        ),
        Index("ix_message_provider_id", "clinic_id", "provider_message_id"),
        one_of("status", MessageStatus, "ck_message_status"),
        one_of("channel", Channel, "ck_message_channel"),
    )
    __secret_columns__ = frozenset({"recipient", "variables", "subject", "body"})

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        MessageStatus.QUEUED: frozenset(
            {
                MessageStatus.SENDING,
                MessageStatus.SUPPRESSED,
                MessageStatus.FAILED,
                MessageStatus.DIGESTED,
                # A receipt for a try that seemed to have failed: it is not sent again.
                MessageStatus.SENT,
                MessageStatus.DELIVERED,
                MessageStatus.READ,
            }
        ),
        MessageStatus.SENDING: frozenset(
            {MessageStatus.SENT, MessageStatus.QUEUED, MessageStatus.FAILED, MessageStatus.PARKED}
        ),
        MessageStatus.SENT: frozenset({MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.FAILED}),
        MessageStatus.DELIVERED: frozenset({MessageStatus.READ}),
        MessageStatus.FAILED: frozenset({MessageStatus.QUEUED, MessageStatus.DELIVERED, MessageStatus.READ}),
        MessageStatus.SUPPRESSED: frozenset({MessageStatus.QUEUED}),
        MessageStatus.PARKED: frozenset(
            {
                MessageStatus.QUEUED,
                MessageStatus.SENT,
                MessageStatus.DELIVERED,
                MessageStatus.READ,
                MessageStatus.FAILED,
            }
        ),
    }

    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=MessageStatus.QUEUED)
    priority: Mapped[str] = mapped_column(String(10), nullable=False, default="NORMAL")
    urgency: Mapped[int] = mapped_column(SmallInteger, nullable=False, default=2, server_default=text("2"))
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    recipient: Mapped[str] = mapped_column(String(254), nullable=False)
    template: Mapped[str] = mapped_column(String(60), nullable=False)
    language: Mapped[str] = mapped_column(String(5), nullable=False, default="en")
    variables: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    subject: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    body: Mapped[str] = mapped_column(Text, nullable=False, default="")
    attachment_ids: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    dedupe_key: Mapped[str] = mapped_column(String(120), nullable=False)
    event_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    provider: Mapped[str | None] = mapped_column(String(30))
    provider_message_id: Mapped[str | None] = mapped_column(String(200))
    # When it was asked to leave, where that was not at once.
    send_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # It waits for the clinic's digest, or left in that message.
    gathered: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, server_default=text("false"))
    digest_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    # Millionths of the clinic's currency, charged when it left.
    cost_micros: Mapped[int] = mapped_column(BigInteger, nullable=False, default=0, server_default=text("0"))
    sent_at: Mapped[datetime | None] = mapped_column(AwareTime)
    read_at: Mapped[datetime | None] = mapped_column(AwareTime)
    reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    patient: Mapped[Any] = tenant_relationship("Patient", "Message.patient_id", viewonly=True)
    tries: Mapped[list[MessageAttempt]] = relationship(
        primaryjoin="foreign(MessageAttempt.message_id) == Message.id", order_by="MessageAttempt.id", viewonly=True
    )

    @property
    def status_code(self) -> MessageStatus:
        return MessageStatus(self.status)

    @property
    def cost(self) -> str:
        """In the clinic's currency, to the hundredth of a paisa; empty where nothing was charged."""
        if not self.cost_micros:
            return ""
        units, fraction = f"{self.cost_micros / 1_000_000:.4f}".split(".")
        return f"{units}.{fraction.rstrip('0'):0<2} {settings_in_scope().currency}"

    @property
    def next_attempt_at(self) -> datetime | None:
        """While it waits; afterwards `next_at` is only where the sweeper stopped looking."""
        return self.next_at if self.status == MessageStatus.QUEUED else None

    def __str__(self) -> str:
        from app.messaging.words import channel_name, message_title

        return f"{message_title(self.template)} ({channel_name(self.channel)})"


class MessageAttempt(TenantModel):
    """One call to a provider, committed before the call: what a killed worker leaves behind."""

    __tablename__ = "message_attempt"
    __audited__ = False
    __table_args__ = (Index("ix_message_attempt_time", "clinic_id", "created_at"),)

    message_id: Mapped[str] = tenant_reference("message")
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    outcome: Mapped[str] = mapped_column(String(30), nullable=False, default="started")
    code: Mapped[str] = mapped_column(String(60), nullable=False, default="")
    text: Mapped[str] = mapped_column(String(500), nullable=False, default="")
    provider_message_id: Mapped[str | None] = mapped_column(String(200))
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)

    message: Mapped[Message] = tenant_relationship("Message", "MessageAttempt.message_id", viewonly=True)

    def __str__(self) -> str:
        return f"{self.provider}: {self.outcome}"
