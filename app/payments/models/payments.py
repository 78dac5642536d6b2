"""Payments and the gateway's attempts at them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.formatting import money
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    id_column,
    minor_column,
    money_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.vocabulary import kind_name

if TYPE_CHECKING:
    from app.payments.models.disputes import Dispute
    from app.payments.models.operations import PaymentOperation
    from app.payments.models.refunds import Refund


DESK = "desk"  # the provider of payments that were taken at the desk
CHEQUE_RETURNED = "CHEQUE_RETURNED"  # the failure of a cheque that the bank gave back unpaid


class PaymentStatus(StrEnum):
    """SPEC 0. Derived from the sums by the database; nothing can set it."""

    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"


# In this order: money that is there counts more than what we are not sure of.
STATUS_RULE = """
case
  when captured_minor > 0 and refunded_minor >= captured_minor then 'REFUNDED'
  when captured_minor > 0 and refunded_minor > 0 then 'PARTIALLY_REFUNDED'
  when captured_minor > 0 then 'COMPLETED'
  when in_doubt then 'UNKNOWN'
  when authorized_minor > voided_minor then 'AUTHORIZED'
  when voided_minor > 0 then 'VOIDED'
  when pending_minor > 0 then 'PENDING'
  else 'FAILED'
end
"""


class TenderKind(StrEnum):
    """How money is taken at the desk."""

    CASH = "CASH"
    UPI = "UPI"
    CARD_TERMINAL = "CARD_TERMINAL"
    CHEQUE = "CHEQUE"
    BANK = "BANK"


class Payment(TenantModel):
    """Money that somebody should pay, pays or paid, at a gateway (one order) or at the desk.

    The sums are the truth and follow from the attempts and refunds. `id` is also our reference at the gateway, by which
    an order is found again after an unclear answer.
    """

    __tablename__ = "payment"
    __table_args__ = (
        Index("ix_payment_clinic_status", "clinic_id", "status", "created_at"),
        Index("ix_payment_clinic_time", "clinic_id", "created_at", "id"),
        Index("ix_payment_completed", "clinic_id", "completed_at", "id"),
        Index(
            "uq_payment_order", "clinic_id", "provider", "order_id", unique=True,
            postgresql_where=text("order_id is not null"),
        ),
        Index("ix_payment_split", "clinic_id", "split_id", postgresql_where=text("split_id is not null")),
        CheckConstraint("amount_minor > 0", name="ck_payment_amount"),
        CheckConstraint(
            "authorized_minor >= 0 and voided_minor >= 0 and pending_minor >= 0 and refund_pending_minor >= 0",
            name="ck_payment_not_negative",
        ),
        CheckConstraint(
            "0 <= refunded_minor and refunded_minor <= captured_minor and captured_minor <= authorized_minor",
            name="ck_payment_sums",
        ),
    )  # fmt: skip

    # The database's own word for the status comes back with each write, not by a question of its own.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    patient_id: Mapped[str] = tenant_reference("patient")
    invoice_id: Mapped[str | None] = tenant_reference("invoice", nullable=True)
    appointment_id: Mapped[str | None] = tenant_reference("appointment", nullable=True)
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    # The clinic's account at the provider, or the global one: which is why this is no foreign key.
    account_id: Mapped[str | None] = id_column()
    order_id: Mapped[str | None] = mapped_column(String(80))
    # The order's hosted page, which some gateways tell only when they open it.
    page_url: Mapped[str | None] = mapped_column(Text)
    gateway_payment_id: Mapped[str | None] = mapped_column(String(80), index=True)
    # The instrument that we charge without its owner; such a payment has no hosted page.
    saved_method_id: Mapped[str | None] = tenant_reference("payment_method", nullable=True)
    status: Mapped[str] = mapped_column(String(20), Computed(STATUS_RULE, persisted=True))
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    authorized_minor: Mapped[int] = minor_column()
    captured_minor: Mapped[int] = minor_column()
    refunded_minor: Mapped[int] = minor_column()
    voided_minor: Mapped[int] = minor_column()
    # What we still wait for from the payer; zero once money is there or the last attempt failed.
    pending_minor: Mapped[int] = minor_column()
    # Refunds that are asked for, approved or under way: not to be given a second time.
    refund_pending_minor: Mapped[int] = minor_column()
    # An operation's outcome is not known; the poller asks, staff can ask with "Check now".
    in_doubt: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    manual_capture: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    method: Mapped[str] = mapped_column(String(30), nullable=False, default="")
    description: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    reference: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    notes: Mapped[str] = mapped_column(Text, nullable=False, default="")
    failure_code: Mapped[str] = mapped_column(String(64), nullable=False, default="")
    failure_text: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # We no longer wait for it (released, cancelled). Money that comes all the same is booked.
    abandoned_at: Mapped[datetime | None] = mapped_column(AwareTime)
    recorded_by_id: Mapped[str | None] = id_column()
    # Of money that was taken at once by several tenders: the part that came first, whose receipt is that of all.
    split_id: Mapped[str | None] = id_column()
    # Cash that was handed over; what is above the amount went back as change.
    tendered_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    # Name, e-mail and telephone to fill in the hosted page; emptied once the money is there.
    payer: Mapped[dict[str, str]] = mapped_column(JSONB, nullable=False, default=dict)

    __secret_columns__ = frozenset({"payer", "page_url"})
    __located_through__ = "invoice"

    patient: Mapped[Any] = tenant_relationship("Patient", "Payment.patient_id", viewonly=True)
    invoice: Mapped[Any] = tenant_relationship("Invoice", "Payment.invoice_id", viewonly=True)
    attempts: Mapped[list[PaymentAttempt]] = relationship(
        primaryjoin="foreign(PaymentAttempt.payment_id) == Payment.id",
        order_by="PaymentAttempt.id",
        back_populates="payment",
    )
    refunds: Mapped[list[Refund]] = relationship(
        primaryjoin="foreign(Refund.payment_id) == Payment.id", order_by="Refund.id", back_populates="payment"
    )
    disputes: Mapped[list[Dispute]] = relationship(
        primaryjoin="foreign(Dispute.payment_id) == Payment.id", order_by="Dispute.id", viewonly=True
    )
    operations: Mapped[list[PaymentOperation]] = relationship(
        primaryjoin="foreign(PaymentOperation.payment_id) == Payment.id", order_by="PaymentOperation.id", viewonly=True
    )

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def change(self) -> Money:
        """What went back of the cash that was handed over."""
        given = self.amount_minor if self.tendered_minor is None else self.tendered_minor
        return Money(given - self.amount_minor, self.currency)

    @property
    def captured(self) -> Money:
        return money_of(self, "captured")

    @property
    def refunded(self) -> Money:
        return money_of(self, "refunded")

    @property
    def taken_back(self) -> Money:
        """What the payer's bank took back in disputes that were lost."""
        return Money(sum(dispute.amount_minor for dispute in self.disputes if dispute.lost), self.currency)

    @property
    def kept(self) -> Money:
        """Captured, less what was given back, is being given back or was taken back; below zero where it went twice."""
        return (
            Money(self.captured_minor - self.refunded_minor - self.refund_pending_minor, self.currency)
            - self.taken_back
        )

    @property
    def refundable(self) -> Money:
        """What may still be given back; never negative."""
        return Money(max(self.kept.minor, 0), self.currency)

    @property
    def at_desk(self) -> bool:
        return self.provider == DESK

    @property
    def shown_status(self) -> str:
        """The status as screens tell it: of a cheque that came back, nothing was refunded."""
        return CHEQUE_RETURNED if self.failure_code == CHEQUE_RETURNED else self.status

    @property
    def paid_back(self) -> Money:
        """What was refunded, as screens tell it: the sum of a cheque that came back reached nobody."""
        return Money.zero(self.currency) if self.shown_status == CHEQUE_RETURNED else self.refunded

    def __str__(self) -> str:
        return f"{money(self.amount)}, {kind_name(self.method or self.provider)}"


class PaymentAttempt(TenantModel):
    """One payment object of the gateway on our order. Each sum only grows: the order of notices does not matter."""

    __tablename__ = "payment_attempt"
    __table_args__ = (
        UniqueConstraint("clinic_id", "payment_id", "gateway_payment_id", name="uq_payment_attempt"),
        Index("ix_payment_attempt_gateway_id", "clinic_id", "gateway_payment_id"),
        CheckConstraint("captured_minor <= authorized_minor", name="ck_payment_attempt_captured"),
    )

    payment_id: Mapped[str] = tenant_reference("payment")
    gateway_payment_id: Mapped[str] = mapped_column(String(80), nullable=False)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    authorized_minor: Mapped[int] = minor_column()
    captured_minor: Mapped[int] = minor_column()
    voided_minor: Mapped[int] = minor_column()
    # What the gateway says was refunded; more than our refunds add up to means that one is missing here.
    refunded_minor: Mapped[int] = minor_column()
    failed: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    method: Mapped[str] = mapped_column(String(30), nullable=False, default="")
    fee_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    fee_tax_minor: Mapped[int | None] = minor_column(nullable=True, default=None)
    fee_currency: Mapped[str | None] = currency_column(nullable=True)
    failure_code: Mapped[str] = mapped_column(String(64), nullable=False, default="")
    failure_text: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    attempted_at: Mapped[datetime | None] = mapped_column(AwareTime)

    __located_through__ = "payment"

    payment: Mapped[Payment] = tenant_relationship("Payment", "PaymentAttempt.payment_id", back_populates="attempts")

    @property
    def captured(self) -> Money:
        return money_of(self, "captured")

    @property
    def fee(self) -> Money | None:
        """What the gateway keeps, tax included; in its settlement currency."""
        return None if self.fee_minor is None else Money(self.fee_minor, self.fee_currency or self.currency)

    def __str__(self) -> str:
        return self.gateway_payment_id
