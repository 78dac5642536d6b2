"""Clinics, locations, rooms and provider accounts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base, TenantModel, one_of, tenant_reference, tenant_relationship
from app.tenancy.settings import ClinicSettings

CHANNELS = ("payment", "email", "sms", "whatsapp", "push", "video", "payer")


class Clinic(Base):
    """A tenant. Archived, never deleted."""

    __tablename__ = "clinic"

    name: Mapped[str] = mapped_column(String(120), nullable=False)
    subdomain: Mapped[str] = mapped_column(String(40), nullable=False, unique=True)
    app_name: Mapped[str] = mapped_column(String(60), nullable=False, default="Clinic Console")
    logo: Mapped[bytes | None] = mapped_column(LargeBinary)
    settings_json: Mapped[dict[str, Any]] = mapped_column("settings", JSONB, nullable=False, default=dict)
    archived: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)

    @property
    def settings(self) -> ClinicSettings:
        return ClinicSettings.model_validate(self.settings_json)

    def __str__(self) -> str:
        return self.name


class Location(TenantModel):
    """A branch of a clinic. `state_code` decides between CGST+SGST and IGST."""

    __open_to_patients__ = True
    __tablename__ = "location"
    __table_args__ = (UniqueConstraint("clinic_id", "name", name="uq_location_name"),)

    name: Mapped[str] = mapped_column(String(120), nullable=False)
    address: Mapped[str] = mapped_column(Text, nullable=False, default="")
    state_code: Mapped[str | None] = mapped_column(String(10))
    phone: Mapped[str | None] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    def __str__(self) -> str:
        return self.name


class Room(TenantModel):
    """A room of a location; two visits cannot share it at one time."""

    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("clinic_id", "location_id", "name", name="uq_room_name"),)

    location_id: Mapped[str] = tenant_reference("location")
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    location: Mapped[Location] = tenant_relationship("Location", "Room.location_id")

    def __str__(self) -> str:
        return self.name


class ProviderAccountColumns:
    """What an account at a provider has, whether a clinic's own or the global one."""

    channel: Mapped[str] = mapped_column(String(10), nullable=False)
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    label: Mapped[str] = mapped_column(String(60), nullable=False, default="")
    priority: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    enabled: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    base_url: Mapped[str | None] = mapped_column(String(300))
    credentials: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)

    # Values that the audit trail and every screen must not show.
    __secret_columns__ = frozenset({"credentials"})

    def __str__(self) -> str:
        return self.label or self.provider


class ProviderAccount(ProviderAccountColumns, TenantModel):
    """A clinic's account at a provider; priority 0 is the primary, higher ones are fallbacks in order."""

    __tablename__ = "provider_account"
    __table_args__ = (
        Index("ix_provider_account_order", "clinic_id", "channel", "priority"),
        one_of("channel", CHANNELS, "ck_provider_account_channel"),
    )


class GlobalProviderAccount(ProviderAccountColumns, Base):
    """The account of clinics that have none of their own for a channel; kept by a SUPER_ADMIN."""

    __tablename__ = "global_provider_account"
    __table_args__ = (one_of("channel", CHANNELS, "ck_global_provider_account_channel"),)
