"""What a clinic sells by subscription: visits of some kinds over a period, for a price."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    minor_column,
    money_of,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType


class BillingPeriod(StrEnum):
    """The calendar unit of a plan (SPEC BIL-1)."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


_TYPES = "types <@ array[{}]::varchar[] and cardinality(types) > 0".format(", ".join(f"'{x}'" for x in AppointmentType))


class Plan(TenantModel):
    """A price before tax per period, and the visits that it covers; without a quota as many as one likes."""

    __tablename__ = "plan"
    __table_args__ = (
        Index("ix_plan_clinic_active", "clinic_id", "active", "name"),
        one_of("period", BillingPeriod, "ck_plan_period"),
        CheckConstraint("price_minor >= 0", name="ck_plan_price"),
        CheckConstraint("trial_days between 0 and 366", name="ck_plan_trial_days"),
        CheckConstraint("quota is null or quota between 1 and 10000", name="ck_plan_quota"),
        CheckConstraint(_TYPES, name="ck_plan_types"),
        CheckConstraint("archived_at is null or not active", name="ck_plan_archived"),
    )
    __open_to_patients__ = True

    name: Mapped[str] = mapped_column(String(120), nullable=False)
    description: Mapped[str] = mapped_column(Text, nullable=False, default="")
    currency: Mapped[str] = currency_column()
    price_minor: Mapped[int] = minor_column()
    period: Mapped[str] = mapped_column(String(10), nullable=False, default=BillingPeriod.MONTH)
    trial_days: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # Visits per period; none means unlimited.
    quota: Mapped[int | None] = mapped_column(Integer)
    types: Mapped[list[str]] = mapped_column(ARRAY(String(20)), nullable=False, default=lambda: list(AppointmentType))
    tax_rate_id: Mapped[str | None] = tenant_reference("tax_rate", nullable=True)
    hsn: Mapped[str] = mapped_column(String(10), nullable=False, default="")
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    # Withdrawn for good; those who have it keep it.
    archived_at: Mapped[datetime | None] = mapped_column(AwareTime)

    tax_rate: Mapped[Any] = tenant_relationship("TaxRate", "Plan.tax_rate_id")

    @property
    def price(self) -> Money:
        return money_of(self, "price")

    @property
    def on_sale(self) -> bool:
        return self.active and self.archived_at is None

    @property
    def covered_kinds(self) -> str:
        """'In person, Video'."""
        return ", ".join(str(kind_name(type)) for type in self.types)

    @property
    def plan_status(self) -> str:
        if self.archived_at is not None:
            return "ARCHIVED"
        return "ACTIVE" if self.active else "DISABLED"

    def covers(self, appointment_type: str) -> bool:
        return appointment_type in self.types

    def __str__(self) -> str:
        return self.name
