"""Who has which plan, its periods, and the visits that it paid for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
from app.billing.models.plan import BillingPeriod, Plan
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
from app.core.state import Stateful


class SubscriptionStatus(StrEnum):
    """SPEC 0. PAST_DUE also waits for the first payment; CANCELLED was ended, EXPIRED ran its term."""

    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class CoverageStatus(StrEnum):
    """RETURNED gave its place back; FORFEITED was called off too late for that."""

    COVERED = "COVERED"
    RETURNED = "RETURNED"
    FORFEITED = "FORFEITED"


_S = SubscriptionStatus
LIVE = (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE)
COVERING = (_S.TRIALING, _S.ACTIVE)


class Usage(NamedTuple):
    """Visits used of a quota; no quota means as many as one likes."""

    used: int
    quota: int | None

    def __str__(self) -> str:
        return f"{self.used} / {'∞' if self.quota is None else self.quota}"


class Subscription(Stateful, TenantModel):
    """A patient's plan. `quota` and `used` count the visits of the present period, under this row's lock."""

    __tablename__ = "subscription"
    __table_args__ = (
        Index("ix_subscription_patient_status", "clinic_id", "patient_id", "status"),
        Index("ix_subscription_status_period", "clinic_id", "status", "period_ends_at"),
        Index("ix_subscription_clinic_time", "clinic_id", "created_at", "id"),
        Index("ix_subscription_next_step", "next_step_at", postgresql_where=text("next_step_at is not null")),
        one_of("status", SubscriptionStatus, "ck_subscription_status"),
        one_of("period", BillingPeriod, "ck_subscription_period_unit"),
        CheckConstraint("used >= 0 and (quota is null or used <= quota)", name="ck_subscription_quota"),
        CheckConstraint("period_starts_at < period_ends_at", name="ck_subscription_period"),
        CheckConstraint("price_minor >= 0 and period_number >= 0", name="ck_subscription_sums"),
        CheckConstraint(
            "status not in ('TRIALING', 'ACTIVE') or period_ends_at is not null", name="ck_subscription_has_period"
        ),
        CheckConstraint("(status = 'PAST_DUE') = (past_due_since is not null)", name="ck_subscription_past_due"),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        _S.TRIALING: frozenset({_S.ACTIVE, _S.PAST_DUE, _S.CANCELLED, _S.EXPIRED}),
        _S.ACTIVE: frozenset({_S.PAST_DUE, _S.CANCELLED, _S.EXPIRED}),
        _S.PAST_DUE: frozenset({_S.ACTIVE, _S.CANCELLED}),
        # Renewed after its term; what was cancelled is subscribed anew.
        _S.EXPIRED: frozenset({_S.ACTIVE}),
        _S.CANCELLED: frozenset(),
    }

    patient_id: Mapped[str] = tenant_reference("patient")
    plan_id: Mapped[str] = tenant_reference("plan")
    status: Mapped[str] = mapped_column(String(20), nullable=False)
    # Price before tax and unit of the present period, as they were when it was billed.
    currency: Mapped[str] = currency_column()
    price_minor: Mapped[int] = minor_column()
    period: Mapped[str] = mapped_column(String(10), nullable=False)
    quota: Mapped[int | None] = mapped_column(Integer)
    used: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # 0 is the trial, or nothing yet.
    period_number: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    period_starts_at: Mapped[datetime | None] = mapped_column(AwareTime)
    period_ends_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # Ends are counted from here, so that 31 January, 28 February and 31 March follow one another.
    anchored_at: Mapped[datetime | None] = mapped_column(AwareTime)
    anchor_periods: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    trial_ends_at: Mapped[datetime | None] = mapped_column(AwareTime)
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    auto_renew: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    cancel_at_period_end: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    # The plan from the next period on.
    next_plan_id: Mapped[str | None] = tenant_reference("plan", nullable=True)
    # Charged when the subscription falls due and on the days of dunning, where the patient agreed to that.
    autopay_method_id: Mapped[str | None] = tenant_reference("payment_method", nullable=True)
    past_due_since: Mapped[datetime | None] = mapped_column(AwareTime)
    # How many of the clinic's reminders went out since then.
    reminders: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # When the sweeper has to look at it again.
    next_step_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cancel_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)

    patient: Mapped[Any] = tenant_relationship("Patient", "Subscription.patient_id")
    plan: Mapped[Plan] = tenant_relationship("Plan", "Subscription.plan_id")
    autopay: Mapped[Any] = tenant_relationship("PaymentMethod", "Subscription.autopay_method_id", viewonly=True)
    next_plan: Mapped[Plan | None] = tenant_relationship("Plan", "Subscription.next_plan_id")

    @property
    def price(self) -> Money:
        return money_of(self, "price")

    @property
    def remaining(self) -> int | None:
        """Visits left in this period; None for as many as one likes."""
        return None if self.quota is None else self.quota - self.used

    @property
    def usage(self) -> Usage:
        return Usage(self.used, self.quota)

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def ending(self) -> bool:
        """Whether the present period is the last one."""
        return self.cancel_at_period_end or not self.auto_renew

    @property
    def shown_status(self) -> str:
        """The status; one that never was paid for is not late, it waits."""
        waiting = self.status == SubscriptionStatus.PAST_DUE and self.period_ends_at is None
        return "AWAITING_PAYMENT" if waiting else self.status

    @property
    def next_renewal_at(self) -> datetime | None:
        return self.period_ends_at if self.status in COVERING and not self.ending else None

    def __str__(self) -> str:
        return str(self.plan)


class SubscriptionPeriod(TenantModel):
    """One period: billed once, begun by its payment. It has no times until then."""

    __tablename__ = "subscription_period"
    __table_args__ = (
        UniqueConstraint("clinic_id", "subscription_id", "number", name="uq_subscription_period_number"),
        Index(
            "uq_subscription_period_invoice", "clinic_id", "invoice_id", unique=True,
            postgresql_where=text("invoice_id is not null"),
        ),
        CheckConstraint("starts_at < ends_at and (starts_at is null) = (ends_at is null)", name="ck_period_times"),
        CheckConstraint("price_minor >= 0 and number >= 0 and used >= 0", name="ck_period_sums"),
    )  # fmt: skip

    subscription_id: Mapped[str] = tenant_reference("subscription")
    number: Mapped[int] = mapped_column(Integer, nullable=False)
    plan_id: Mapped[str] = tenant_reference("plan")
    invoice_id: Mapped[str | None] = tenant_reference("invoice", nullable=True)
    currency: Mapped[str] = currency_column()
    price_minor: Mapped[int] = minor_column()
    quota: Mapped[int | None] = mapped_column(Integer)
    # As it was when the period ended; of the present one the subscription knows.
    used: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    starts_at: Mapped[datetime | None] = mapped_column(AwareTime)
    ends_at: Mapped[datetime | None] = mapped_column(AwareTime)

    subscription: Mapped[Subscription] = tenant_relationship(
        "Subscription", "SubscriptionPeriod.subscription_id", viewonly=True
    )
    plan: Mapped[Plan] = tenant_relationship("Plan", "SubscriptionPeriod.plan_id", viewonly=True)
    invoice: Mapped[Invoice | None] = tenant_relationship("Invoice", "SubscriptionPeriod.invoice_id", viewonly=True)

    @property
    def price(self) -> Money:
        return money_of(self, "price")

    def __str__(self) -> str:
        return str(self.number)


class Coverage(TenantModel):
    """A visit that a subscription pays for, out of the quota of the period in which it was booked."""

    __tablename__ = "coverage"
    __table_args__ = (
        Index(
            "uq_coverage_appointment", "clinic_id", "appointment_id", unique=True,
            postgresql_where=text("status <> 'RETURNED'"),
        ),
        Index("ix_coverage_subscription", "clinic_id", "subscription_id", "created_at", "id"),
        one_of("status", CoverageStatus, "ck_coverage_status"),
        CheckConstraint("(status = 'COVERED') = (settled_at is null)", name="ck_coverage_settled"),
        CheckConstraint("not counted or status <> 'RETURNED'", name="ck_coverage_counted"),
    )  # fmt: skip

    subscription_id: Mapped[str] = tenant_reference("subscription")
    appointment_id: Mapped[str] = tenant_reference("appointment")
    period_number: Mapped[int] = mapped_column(Integer, nullable=False)
    status: Mapped[str] = mapped_column(String(20), nullable=False, default=CoverageStatus.COVERED)
    # Whether it is among the subscription's `used`: not after it was returned, the quota reset or the period over.
    counted: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    # When it was returned or forfeited.
    settled_at: Mapped[datetime | None] = mapped_column(AwareTime)

    subscription: Mapped[Subscription] = tenant_relationship("Subscription", "Coverage.subscription_id", viewonly=True)
    appointment: Mapped[Any] = tenant_relationship("Appointment", "Coverage.appointment_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.appointment)
