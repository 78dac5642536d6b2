"""Services, what they cost with whom, and the taxes on them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import (
    TenantModel,
    currency_column,
    minor_column,
    money_of,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.people.models import AppointmentType, Doctor


class TaxKind(StrEnum):
    """How a rate is levied. CGST_SGST splits in equal halves between centre and state (India, CGST Act 2017 s. 9)."""

    EXEMPT = "EXEMPT"
    CGST_SGST = "CGST_SGST"
    IGST = "IGST"
    VAT = "VAT"


class TaxRate(TenantModel):
    """A tax that a clinic levies; `percent` is the whole rate, before it is split into components."""

    __tablename__ = "tax_rate"
    __table_args__ = (
        UniqueConstraint("clinic_id", "name", name="uq_tax_rate_name"),
        one_of("kind", TaxKind, "ck_tax_rate_kind"),
        CheckConstraint("percent >= 0 and percent <= 100", name="ck_tax_rate_percent"),
        CheckConstraint("(kind = 'EXEMPT') = (percent = 0)", name="ck_tax_rate_exempt"),
    )

    name: Mapped[str] = mapped_column(String(60), nullable=False)
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    percent: Mapped[Decimal] = mapped_column(Numeric(6, 3), nullable=False, default=Decimal(0))
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    def __str__(self) -> str:
        return self.name


class Service(TenantModel):
    """Something a clinic sells. `visit` ones are what an appointment costs; `hsn` is its HSN or SAC code."""

    __tablename__ = "service"
    __table_args__ = (
        UniqueConstraint("clinic_id", "code", name="uq_service_code"),
        CheckConstraint("duration_minutes is null or duration_minutes > 0", name="ck_service_duration"),
        CheckConstraint("buffer_before_minutes between 0 and 240", name="ck_service_buffer_before"),
        CheckConstraint("buffer_after_minutes between 0 and 240", name="ck_service_buffer_after"),
        CheckConstraint("follow_up_days is null or follow_up_days > 0", name="ck_service_follow_up_days"),
    )
    __open_to_patients__ = True

    code: Mapped[str] = mapped_column(String(20), nullable=False)
    name: Mapped[str] = mapped_column(String(120), nullable=False)
    description: Mapped[str] = mapped_column(Text, nullable=False, default="")
    visit: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    hsn: Mapped[str] = mapped_column(String(10), nullable=False, default="")
    tax_rate_id: Mapped[str | None] = tenant_reference("tax_rate", nullable=True)
    duration_minutes: Mapped[int | None] = mapped_column(Integer)
    buffer_before_minutes: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    follow_up_days: Mapped[int | None] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    tax_rate: Mapped[TaxRate | None] = tenant_relationship("TaxRate", "Service.tax_rate_id")

    def __str__(self) -> str:
        return self.name


class ServicePrice(TenantModel):
    """A price of a service; empty doctor or type means any. The most specific row wins (catalog.queries).

    `follow_up_price_minor` is taken instead within the service's `follow_up_days` after a visit to the same doctor.
    """

    __tablename__ = "service_price"
    __table_args__ = (
        Index(
            "uq_service_price",
            "clinic_id",
            "service_id",
            "doctor_id",
            "appointment_type",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        one_of("appointment_type", AppointmentType, "ck_service_price_appointment_type"),
        CheckConstraint(
            "price_minor >= 0 and (follow_up_price_minor is null or follow_up_price_minor >= 0)",
            name="ck_service_price_amount",
        ),
    )
    __open_to_patients__ = True

    service_id: Mapped[str] = tenant_reference("service")
    doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    appointment_type: Mapped[str | None] = mapped_column(String(20))
    price_minor: Mapped[int] = minor_column()
    follow_up_price_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    currency: Mapped[str] = currency_column()

    service: Mapped[Service] = tenant_relationship("Service", "ServicePrice.service_id")
    doctor: Mapped[Doctor | None] = tenant_relationship("Doctor", "ServicePrice.doctor_id")

    @property
    def price(self) -> Money:
        return money_of(self, "price")

    @property
    def follow_up_price(self) -> Money | None:
        return None if self.follow_up_price_minor is None else money_of(self, "follow_up_price")

    def __str__(self) -> str:
        return f"{self.service}, {self.doctor}" if self.doctor else str(self.service)
