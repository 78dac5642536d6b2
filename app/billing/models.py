"""Invoices, their lines and what settles them; credit notes; pay links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Date, Index, Integer, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

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


class InvoiceStatus(StrEnum):
    """SPEC 0; "overdue" is computed from the due date."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    VOID = "VOID"
    WRITTEN_OFF = "WRITTEN_OFF"


class Invoice(Stateful, TenantModel):
    """What a patient owes. Has its number from the moment it is open, and never changes from then on."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_invoice_number"),
        Index("ix_invoice_clinic_status", "clinic_id", "status", "due_on"),
        Index("ix_invoice_clinic_time", "clinic_id", "created_at", "id"),
        # One invoice that counts per visit; a voided one makes room for another.
        Index(
            "uq_invoice_appointment", "clinic_id", "appointment_id", unique=True,
            postgresql_where=text("appointment_id is not null and status <> 'VOID'"),
        ),
        one_of("status", InvoiceStatus, "ck_invoice_status"),
        CheckConstraint("(status = 'DRAFT') = (number is null)", name="ck_invoice_number_once_open"),
        CheckConstraint(
            "subtotal_minor >= 0 and discount_minor >= 0 and tax_minor >= 0 and total_minor >= 0", name="ck_invoice_sums"
        ),
        CheckConstraint("total_minor = subtotal_minor - discount_minor + tax_minor", name="ck_invoice_total"),
        CheckConstraint("0 <= paid_minor and 0 <= credited_minor", name="ck_invoice_settled"),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        InvoiceStatus.DRAFT: frozenset({InvoiceStatus.OPEN}),
        InvoiceStatus.OPEN: frozenset(
            {InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.WRITTEN_OFF}
        ),
        InvoiceStatus.PARTIALLY_PAID: frozenset({InvoiceStatus.PAID, InvoiceStatus.OPEN, InvoiceStatus.WRITTEN_OFF}),
        InvoiceStatus.PAID: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.OPEN}),
    }

    number: Mapped[str | None] = mapped_column(String(30))
    status: Mapped[str] = mapped_column(String(20), nullable=False, default=InvoiceStatus.DRAFT)
    patient_id: Mapped[str] = tenant_reference("patient")
    appointment_id: Mapped[str | None] = tenant_reference("appointment", nullable=True)
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    opened_at: Mapped[datetime | None] = mapped_column(AwareTime)
    due_on: Mapped[date | None] = mapped_column(Date)
    currency: Mapped[str] = currency_column()
    # Net of line discounts, before the invoice's own discount and before tax.
    subtotal_minor: Mapped[int] = minor_column()
    discount_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    total_minor: Mapped[int] = minor_column()
    paid_minor: Mapped[int] = minor_column()
    credited_minor: Mapped[int] = minor_column()
    discount_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    notes: Mapped[str] = mapped_column(Text, nullable=False, default="")
    void_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    # The document of the state in which it was last made; a change of state makes it stale.
    pdf_file_id: Mapped[str | None] = tenant_reference("stored_file", nullable=True)
    pdf_state: Mapped[str] = mapped_column(String(60), nullable=False, default="")

    lines: Mapped[list[InvoiceLine]] = relationship(
        primaryjoin="foreign(InvoiceLine.invoice_id) == Invoice.id",
        order_by="InvoiceLine.position",
        back_populates="invoice",
        cascade="all, delete-orphan",
    )
    patient: Mapped[Any] = tenant_relationship("Patient", "Invoice.patient_id")

    @property
    def subtotal(self) -> Money:
        return money_of(self, "subtotal")

    @property
    def discount(self) -> Money:
        return money_of(self, "discount")

    @property
    def tax(self) -> Money:
        return money_of(self, "tax")

    @property
    def total(self) -> Money:
        return money_of(self, "total")

    @property
    def amount_paid(self) -> Money:
        return money_of(self, "paid")

    @property
    def amount_due(self) -> Money:
        """What is still to be paid: never below zero, nothing for a draft, a void or a written-off invoice."""
        if self.status not in (InvoiceStatus.OPEN, InvoiceStatus.PARTIALLY_PAID):
            return Money(0, self.currency)
        return Money(max(self.total_minor - self.paid_minor - self.credited_minor, 0), self.currency)

    @property
    def status_code(self) -> InvoiceStatus:
        return InvoiceStatus(self.status)

    def __str__(self) -> str:
        return self.number or "draft"


class InvoiceLine(TenantModel):
    """One thing sold: quantity × unit price − discount, and the tax on it, component by component."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="ck_invoice_line_quantity"),
        CheckConstraint("unit_price_minor >= 0 and discount_minor >= 0 and net_minor >= 0", name="ck_invoice_line_sums"),
    )

    invoice_id: Mapped[str] = tenant_reference("invoice")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    service_id: Mapped[str | None] = tenant_reference("service", nullable=True)
    description: Mapped[str] = mapped_column(String(200), nullable=False)
    code: Mapped[str] = mapped_column(String(20), nullable=False, default="")
    quantity: Mapped[Decimal] = mapped_column(Numeric(12, 3), nullable=False, default=Decimal(1))
    currency: Mapped[str] = currency_column()
    unit_price_minor: Mapped[int] = minor_column()
    discount_minor: Mapped[int] = minor_column()
    net_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    tax_rate_id: Mapped[str | None] = tenant_reference("tax_rate", nullable=True)
    # [{"label": "CGST 9%", "percent": "9", "minor": 720}, ...] as it stood when the line was made
    tax_components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False, default=list)

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "InvoiceLine.invoice_id", back_populates="lines")

    def __str__(self) -> str:
        return self.description


class InvoiceAllocation(TenantModel):
    """The part of a payment that settles an invoice."""

    __tablename__ = "invoice_allocation"
    __table_args__ = (
        UniqueConstraint("clinic_id", "invoice_id", "payment_id", name="uq_invoice_allocation"),
        CheckConstraint("amount_minor >= 0", name="ck_invoice_allocation_amount"),
    )

    invoice_id: Mapped[str] = tenant_reference("invoice")
    payment_id: Mapped[str] = tenant_reference("payment")
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()


class CreditNote(TenantModel):
    """A correction of an open invoice, numbered in its own gapless series."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_credit_note_number"),
        Index(
            "uq_credit_note_refund", "clinic_id", "refund_id", unique=True, postgresql_where=text("refund_id is not null")
        ),
        CheckConstraint("total_minor > 0 and total_minor = net_minor + tax_minor", name="ck_credit_note_total"),
    )

    number: Mapped[str] = mapped_column(String(30), nullable=False)
    invoice_id: Mapped[str] = tenant_reference("invoice")
    refund_id: Mapped[str | None] = tenant_reference("refund", nullable=True)
    patient_id: Mapped[str] = tenant_reference("patient")
    reason: Mapped[str] = mapped_column(String(300), nullable=False)
    issued_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    currency: Mapped[str] = currency_column()
    net_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    total_minor: Mapped[int] = minor_column()
    pdf_file_id: Mapped[str | None] = tenant_reference("stored_file", nullable=True)

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "CreditNote.invoice_id", viewonly=True)

    @property
    def total(self) -> Money:
        return money_of(self, "total")

    def __str__(self) -> str:
        return self.number


class PayLink(TenantModel):
    """A public, expiring way to pay one invoice. Only the hash of its token is kept."""

    __tablename__ = "pay_link"
    __table_args__ = (UniqueConstraint("token_hash", name="uq_pay_link_token"),)
    __secret_columns__ = frozenset({"token_hash"})

    invoice_id: Mapped[str] = tenant_reference("invoice")
    token_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    expires_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    used_at: Mapped[datetime | None] = mapped_column(AwareTime)

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "PayLink.invoice_id", viewonly=True)
