"""Patients as customers of a gateway, and the instruments that they left there: the vendor's ids, never a card."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Boolean, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import AwareTime, TenantModel, id_column, tenant_reference, tenant_relationship
from app.core.vocabulary import kind_name


class GatewayCustomer(TenantModel):
    """Who a patient is at one account of a gateway."""

    __tablename__ = "gateway_customer"
    __table_args__ = (UniqueConstraint("clinic_id", "patient_id", "account_id", name="uq_gateway_customer"),)

    patient_id: Mapped[str] = tenant_reference("patient")
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = id_column(nullable=False)
    customer_id: Mapped[str] = mapped_column(String(80), nullable=False)

    def __str__(self) -> str:
        return self.customer_id


class PaymentMethod(TenantModel):
    """An instrument as its owner recognises it: Visa 4242. One of a patient's is the default."""

    __tablename__ = "payment_method"
    __table_args__ = (
        UniqueConstraint("clinic_id", "account_id", "method_id", name="uq_payment_method"),
        Index(
            "uq_payment_method_default", "clinic_id", "patient_id", unique=True,
            postgresql_where=text("is_default and removed_at is null"),
        ),
        Index("ix_payment_method_patient", "clinic_id", "patient_id", "created_at"),
        # When the patient is merged into another record: a method goes where its customer goes, and does not push
        # aside the default of the one who stays (app/people/services/moving.py).
        {"info": {
            "stays_with": ("gateway_customer", "account_id"),
            "on_merge": {"is_default": "is_default and not exists (select from payment_method other "
                "where other.clinic_id = payment_method.clinic_id and other.patient_id = :survivor "
                "and other.is_default and other.removed_at is null)"},
        }},
    )  # fmt: skip

    patient_id: Mapped[str] = tenant_reference("patient")
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = id_column(nullable=False)
    method_id: Mapped[str] = mapped_column(String(80), nullable=False)
    kind: Mapped[str] = mapped_column(String(30), nullable=False)
    brand: Mapped[str] = mapped_column(String(60), nullable=False, default="")
    last4: Mapped[str] = mapped_column(String(4), nullable=False, default="")
    expires_year: Mapped[int | None] = mapped_column(Integer)
    expires_month: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(60), nullable=False, default="")
    is_default: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    removed_at: Mapped[datetime | None] = mapped_column(AwareTime)

    patient: Mapped[Any] = tenant_relationship("Patient", "PaymentMethod.patient_id", viewonly=True)

    def __str__(self) -> str:
        name = self.label or " ".join(part for part in (self.brand or str(kind_name(self.kind)), self.last4) if part)
        return name if self.removed_at is None else _("%(name)s (removed)", name=name)
