"""What a clinic decides about its messages, what persons decide about theirs, and what was spent."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, String, Time, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import TenantModel, one_of, tenant_reference, tenant_relationship
from app.messaging.models.outbox import Channel


class CommunicationRules(TenantModel):
    """A clinic's rules, one row; `values` as app/messaging/rules.py has them."""

    __tablename__ = "communication_rules"
    __table_args__ = (UniqueConstraint("clinic_id", name="uq_communication_rules"),)

    values: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)

    def __str__(self) -> str:
        return "rules"


class MessagePreference(TenantModel):
    """How a patient, or a user, wants to be written to. What is empty follows the clinic's rules."""

    __tablename__ = "message_preference"
    __table_args__ = (
        Index(
            "uq_message_preference_patient",
            "clinic_id",
            "patient_id",
            unique=True,
            postgresql_where=text("patient_id is not null"),
        ),
        Index(
            "uq_message_preference_user",
            "clinic_id",
            "user_id",
            unique=True,
            postgresql_where=text("user_id is not null"),
        ),
    )

    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    muted: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    quiet_from: Mapped[time | None] = mapped_column(Time)
    quiet_until: Mapped[time | None] = mapped_column(Time)
    zone: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)

    patient: Mapped[Any] = tenant_relationship("Patient", "MessagePreference.patient_id")

    def __str__(self) -> str:
        return str(self.patient) if self.patient_id else "–"


class MessageSpend(TenantModel):
    """What left on one day of the clinic's zone, by channel: the daily cap is held against it."""

    __tablename__ = "message_spend"
    __audited__ = False
    __table_args__ = (
        UniqueConstraint("clinic_id", "day", "channel", name="uq_message_spend"),
        one_of("channel", Channel, "ck_message_spend_channel"),
    )

    day: Mapped[date] = mapped_column(Date, nullable=False)
    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    messages: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    cost_micros: Mapped[int] = mapped_column(BigInteger, nullable=False, default=0)

    def __str__(self) -> str:
        return f"{self.day} {self.channel}"
