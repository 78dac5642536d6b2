"""An invoice that is paid in instalments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Date, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.billing.models.invoice import Invoice
from app.core import clock
from app.core.formatting import money
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    id_column,
    minor_column,
    money_of,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.state import Stateful
from app.tenancy.queries import settings_in_scope


class PaymentPlanStatus(StrEnum):
    """DEFAULTED: an instalment was late for longer than the clinic waits. Money that comes brings it back."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    DEFAULTED = "DEFAULTED"
    CANCELLED = "CANCELLED"


RUNNING = (PaymentPlanStatus.ACTIVE, PaymentPlanStatus.DEFAULTED)


class InstalmentInterval(StrEnum):
    WEEK = "WEEK"
    FORTNIGHT = "FORTNIGHT"
    MONTH = "MONTH"


class PaymentPlan(Stateful, TenantModel):
    """What was due of an invoice when the plan was made, in equal parts. Money for the invoice pays them in order."""

    __tablename__ = "payment_plan"
    __table_args__ = (
        one_of("status", PaymentPlanStatus, "ck_payment_plan_status"),
        one_of("interval", InstalmentInterval, "ck_payment_plan_interval"),
        CheckConstraint("total_minor > 0 and baseline_minor >= 0", name="ck_payment_plan_sums"),
        Index("ix_payment_plan_status", "clinic_id", "status", "created_at"),
        Index(
            "uq_payment_plan_running", "clinic_id", "invoice_id", unique=True,
            postgresql_where=text("status in ('ACTIVE', 'DEFAULTED')"),
        ),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        PaymentPlanStatus.ACTIVE: frozenset(
            {PaymentPlanStatus.COMPLETED, PaymentPlanStatus.DEFAULTED, PaymentPlanStatus.CANCELLED}
        ),
        PaymentPlanStatus.DEFAULTED: frozenset(
            {PaymentPlanStatus.COMPLETED, PaymentPlanStatus.ACTIVE, PaymentPlanStatus.CANCELLED}
        ),
        PaymentPlanStatus.COMPLETED: frozenset({PaymentPlanStatus.ACTIVE}),  # a payment that settled it was refunded
    }

    patient_id: Mapped[str] = tenant_reference("patient")
    invoice_id: Mapped[str] = tenant_reference("invoice")
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=PaymentPlanStatus.ACTIVE)
    interval: Mapped[str] = mapped_column(String(10), nullable=False, default=InstalmentInterval.MONTH)
    currency: Mapped[str] = currency_column()
    total_minor: Mapped[int] = minor_column()
    # What was paid and credited of the invoice before the plan began.
    baseline_minor: Mapped[int] = minor_column()
    notes: Mapped[str] = mapped_column(Text, nullable=False, default="")
    made_by_id: Mapped[str | None] = id_column()
    # Charged for each instalment on its day, where the patient agreed to that.
    autopay_method_id: Mapped[str | None] = tenant_reference("payment_method", nullable=True)
    defaulted_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cancel_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    patient: Mapped[Any] = tenant_relationship("Patient", "PaymentPlan.patient_id", viewonly=True)
    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "PaymentPlan.invoice_id", viewonly=True)
    autopay: Mapped[Any] = tenant_relationship("PaymentMethod", "PaymentPlan.autopay_method_id", viewonly=True)
    instalments: Mapped[list[Instalment]] = relationship(
        primaryjoin="foreign(Instalment.plan_id) == PaymentPlan.id",
        order_by="Instalment.position",
        back_populates="plan",
        cascade="all, delete-orphan",
    )

    @property
    def total(self) -> Money:
        return money_of(self, "total")

    @property
    def paid(self) -> Money:
        return Money(sum(item.paid_minor for item in self.instalments), self.currency)

    @property
    def outstanding(self) -> Money:
        return self.total - self.paid

    @property
    def next_instalment(self) -> Instalment | None:
        """The first that is not paid in full."""
        return next((item for item in self.instalments if item.outstanding), None)

    @property
    def next_due_on(self) -> date | None:
        following = self.next_instalment
        return following.due_on if following is not None and self.status in RUNNING else None

    def __str__(self) -> str:
        return f"{self.invoice}: {len(self.instalments)} × {money(self.instalments[-1].amount)}"


class Instalment(TenantModel):
    """One part of a plan. `told_days` is how late it was when its last notice went out; -1 before the first."""

    __tablename__ = "instalment"
    __table_args__ = (
        UniqueConstraint("clinic_id", "plan_id", "position", name="uq_instalment_position"),
        CheckConstraint(
            "amount_minor > 0 and 0 <= paid_minor and paid_minor <= amount_minor", name="ck_instalment_sums"
        ),
        Index("ix_instalment_due", "clinic_id", "due_on", postgresql_where=text("paid_minor < amount_minor")),
    )

    plan_id: Mapped[str] = tenant_reference("payment_plan")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    due_on: Mapped[date] = mapped_column(Date, nullable=False)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    paid_minor: Mapped[int] = minor_column()
    paid_at: Mapped[datetime | None] = mapped_column(AwareTime)
    told_days: Mapped[int] = mapped_column(Integer, nullable=False, default=-1)

    __located_through__ = "plan"

    plan: Mapped[PaymentPlan] = tenant_relationship("PaymentPlan", "Instalment.plan_id", back_populates="instalments")

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def paid(self) -> Money:
        return money_of(self, "paid")

    @property
    def outstanding(self) -> Money:
        return self.amount - self.paid

    def days_late(self, today: date) -> int:
        """Zero on the due date; negative before it."""
        return (today - self.due_on).days

    @property
    def shown_status(self) -> str:
        """By the clinic's date."""
        if not self.outstanding:
            return "PAID"
        late = self.days_late(clock.today(settings_in_scope().zone))
        if late > 0:
            return "OVERDUE"
        return "PARTIALLY_PAID" if self.paid else "DUE" if late == 0 else "PLANNED"

    def __str__(self) -> str:
        return f"{self.position}. {money(self.amount)}"
