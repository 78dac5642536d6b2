"""What the gateways paid out, set against what we know: settlements, their lines, the runs that compare, and what does
not fit.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.formatting import day_mark, money
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
from app.core.vocabulary import kind_name, label_of
from app.payments.gateways.settlements import SettlementKind
from app.payments.models.payments import Payment


class RunStatus(StrEnum):
    """PLANNED waits for the worker, or is under way. FAILED: the gateway gave no list; nothing was compared, as when
    somebody stopped it (CANCELLED).
    """

    PLANNED = "PLANNED"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ExceptionKind(StrEnum):
    """How the gateway's list and our books differ."""

    MISSING_OURS = "MISSING_OURS"
    MISSING_THEIRS = "MISSING_THEIRS"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    WRONG_FEE = "WRONG_FEE"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    DUPLICATE = "DUPLICATE"


class ExceptionStatus(StrEnum):
    """RESOLVED: it fits now, or somebody put it right. IGNORED: somebody accepts the difference, and said why."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    IGNORED = "IGNORED"


class Settlement(TenantModel):
    """One transfer of a gateway to the clinic's bank. Sums are signed from our side; `fee` includes its tax."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("clinic_id", "account_id", "settlement_id", "currency", name="uq_settlement"),
        Index("ix_settlement_time", "clinic_id", "settled_at", "id"),
    )

    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = id_column(nullable=False)
    settlement_id: Mapped[str] = mapped_column(String(80), nullable=False)
    currency: Mapped[str] = currency_column()
    gross_minor: Mapped[int] = minor_column()
    fee_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    net_minor: Mapped[int] = minor_column()
    settled_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    bank_reference: Mapped[str] = mapped_column(String(80), nullable=False, default="")

    @property
    def gross(self) -> Money:
        return money_of(self, "gross")

    @property
    def fee(self) -> Money:
        return money_of(self, "fee")

    @property
    def net(self) -> Money:
        return money_of(self, "net")

    def __str__(self) -> str:
        return f"{self.settlement_id}, {money(self.net)}"


class SettlementEntry(TenantModel):
    """One line of a settlement. `occurrence` tells lines about the same payment in one settlement apart."""

    __tablename__ = "settlement_entry"
    __table_args__ = (
        UniqueConstraint(
            "clinic_id", "settlement_row_id", "kind", "gateway_id", "occurrence", name="uq_settlement_entry"
        ),
        one_of("kind", SettlementKind, "ck_settlement_entry_kind"),
        Index("ix_settlement_entry_gateway_id", "clinic_id", "gateway_id"),
    )

    settlement_row_id: Mapped[str] = tenant_reference("settlement")
    kind: Mapped[str] = mapped_column(String(12), nullable=False)
    gateway_id: Mapped[str] = mapped_column(String(80), nullable=False)
    occurrence: Mapped[int] = mapped_column(Integer, nullable=False, default=1)
    order_id: Mapped[str | None] = mapped_column(String(80))
    payment_id: Mapped[str | None] = tenant_reference("payment", nullable=True)
    currency: Mapped[str] = currency_column()
    gross_minor: Mapped[int] = minor_column()
    fee_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    net_minor: Mapped[int] = minor_column()
    # What the payer paid or got back, where the gateway converted it.
    presented_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    presented_currency: Mapped[str | None] = currency_column(nullable=True)
    settled_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)

    settlement: Mapped[Settlement] = tenant_relationship("Settlement", "SettlementEntry.settlement_row_id")
    payment: Mapped[Payment | None] = tenant_relationship("Payment", "SettlementEntry.payment_id", viewonly=True)

    @property
    def gross(self) -> Money:
        return money_of(self, "gross")

    @property
    def fee(self) -> Money:
        return money_of(self, "fee")

    @property
    def net(self) -> Money:
        return money_of(self, "net")

    def __str__(self) -> str:
        return f"{kind_name(self.kind)} {self.gateway_id}"


class ReconciliationRun(Stateful, TenantModel):
    """One comparison of an account over a span of days. `nightly_on` makes the scheduled one happen once a day."""

    __tablename__ = "reconciliation_run"
    __table_args__ = (
        UniqueConstraint("clinic_id", "account_id", "nightly_on", name="uq_reconciliation_run_nightly"),
        one_of("status", RunStatus, "ck_reconciliation_run_status"),
        Index("ix_reconciliation_run_time", "clinic_id", "created_at", "id"),
        Index("ix_reconciliation_run_due", "next_at", postgresql_where=text("status = 'PLANNED'")),
    )

    TRANSITIONS = {RunStatus.PLANNED: frozenset({RunStatus.DONE, RunStatus.FAILED, RunStatus.CANCELLED})}

    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = id_column(nullable=False)
    first_on: Mapped[date] = mapped_column(Date, nullable=False)
    last_on: Mapped[date] = mapped_column(Date, nullable=False)
    nightly_on: Mapped[date | None] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=RunStatus.PLANNED)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # Per cent of what is to be asked and compared.
    progress: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    next_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    line_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    found_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    requested_by_id: Mapped[str | None] = id_column()
    error: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    def __str__(self) -> str:
        return f"{kind_name(self.provider)}, {day_mark(self.first_on)} – {day_mark(self.last_on)}"


class ReconciliationException(Stateful, TenantModel):
    """One difference between a gateway's list and our books, kept until it fits or somebody answers for it.

    `subject` names it across runs, so that the same difference is one row however often it is found.
    """

    __tablename__ = "reconciliation_exception"
    __table_args__ = (
        UniqueConstraint("clinic_id", "account_id", "kind", "subject", name="uq_reconciliation_exception"),
        one_of("kind", ExceptionKind, "ck_reconciliation_exception_kind"),
        one_of("status", ExceptionStatus, "ck_reconciliation_exception_status"),
        Index("ix_reconciliation_exception_status", "clinic_id", "status", "created_at"),
    )

    # An answer is not for ever: when the figures change, the difference is open again.
    TRANSITIONS = {
        ExceptionStatus.OPEN: frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.IGNORED}),
        ExceptionStatus.RESOLVED: frozenset({ExceptionStatus.OPEN}),
        ExceptionStatus.IGNORED: frozenset({ExceptionStatus.OPEN, ExceptionStatus.RESOLVED}),
    }

    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    account_id: Mapped[str] = id_column(nullable=False)
    kind: Mapped[str] = mapped_column(String(16), nullable=False)
    subject: Mapped[str] = mapped_column(String(120), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=ExceptionStatus.OPEN)
    gateway_id: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    order_id: Mapped[str | None] = mapped_column(String(80))
    settlement_id: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    payment_id: Mapped[str | None] = tenant_reference("payment", nullable=True)
    refund_id: Mapped[str | None] = tenant_reference("refund", nullable=True)
    expected_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    expected_currency: Mapped[str | None] = currency_column(nullable=True)
    found_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    found_currency: Mapped[str | None] = currency_column(nullable=True)
    answered_by_id: Mapped[str | None] = id_column()
    answered_at: Mapped[datetime | None] = mapped_column(AwareTime)
    note: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    payment: Mapped[Payment | None] = tenant_relationship(
        "Payment", "ReconciliationException.payment_id", viewonly=True
    )

    @property
    def expected(self) -> Money | None:
        """What our books say; None where they know nothing of it."""
        return None if self.expected_minor is None else Money(self.expected_minor, self.expected_currency or "")

    @property
    def found(self) -> Money | None:
        """What the gateway's list says; None where it does not mention it."""
        return None if self.found_minor is None else Money(self.found_minor, self.found_currency or "")

    def __str__(self) -> str:
        return f"{label_of(self.kind)}: {self.gateway_id}"
