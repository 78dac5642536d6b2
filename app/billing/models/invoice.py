"""Invoices and their lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Date, Index, Integer, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
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
from app.core.vocabulary import label_of
from app.tenancy.queries import settings_in_scope


class InvoiceStatus(StrEnum):
    """SPEC 0; "overdue" is computed from the due date."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    VOID = "VOID"
    WRITTEN_OFF = "WRITTEN_OFF"


OWED = (InvoiceStatus.OPEN, InvoiceStatus.PARTIALLY_PAID)
PAYABLE = (InvoiceStatus.DRAFT, *OWED)


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
        # A draft that is given up is void without ever having had a number: the series stays gapless.
        CheckConstraint(
            "case status when 'DRAFT' then number is null when 'VOID' then true else number is not null end",
            name="ck_invoice_number_once_open",
        ),
        CheckConstraint(
            "subtotal_minor >= 0 and discount_minor >= 0 and tax_minor >= 0 and total_minor >= 0",
            name="ck_invoice_sums",
        ),
        CheckConstraint("total_minor = subtotal_minor - discount_minor + tax_minor", name="ck_invoice_total"),
        CheckConstraint(
            "0 <= paid_minor and 0 <= credited_minor and paid_minor + credited_minor <= total_minor",
            name="ck_invoice_settled",
        ),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        InvoiceStatus.DRAFT: frozenset({InvoiceStatus.OPEN, InvoiceStatus.VOID}),
        InvoiceStatus.OPEN: frozenset(
            {InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.WRITTEN_OFF}
        ),
        InvoiceStatus.PARTIALLY_PAID: frozenset({InvoiceStatus.PAID, InvoiceStatus.OPEN, InvoiceStatus.WRITTEN_OFF}),
        InvoiceStatus.PAID: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.OPEN}),
        # Money came after all: the debt counts again.
        InvoiceStatus.WRITTEN_OFF: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.OPEN}),
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
    # The invoice's own discount; its shares in the lines lower what they are taxed on.
    discount_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    total_minor: Mapped[int] = minor_column()
    paid_minor: Mapped[int] = minor_column()
    credited_minor: Mapped[int] = minor_column()
    discount_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    notes: Mapped[str] = mapped_column(Text, nullable=False, default="")
    void_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    # How many days it was overdue when the last reminder went out; zero before the first.
    reminded_days: Mapped[int] = mapped_column(Integer, nullable=False, default=0, server_default="0")
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
    approvals: Mapped[list[Any]] = relationship(
        "InvoiceApproval",
        primaryjoin="foreign(InvoiceApproval.invoice_id) == Invoice.id",
        order_by="InvoiceApproval.created_at, InvoiceApproval.id",
        viewonly=True,
    )

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
    def credited(self) -> Money:
        return money_of(self, "credited")

    @property
    def amount_due(self) -> Money:
        """What is still to be paid, for a draft all of it; nothing for a void or a written-off invoice."""
        if self.status not in PAYABLE:
            return Money(0, self.currency)
        return Money(self.total_minor - self.paid_minor - self.credited_minor, self.currency)

    def overdue(self, today: date) -> bool:
        """Issued, not settled, and past its due date, which is the last day to pay."""
        return self.status in OWED and self.due_on is not None and self.due_on < today

    @property
    def shown_status(self) -> str:
        """The status, or OVERDUE by the clinic's date."""
        return "OVERDUE" if self.overdue(clock.today(settings_in_scope().zone)) else self.status

    @property
    def waits_for(self) -> str:
        """What stands against opening a draft or keeping a debt: 'DISCOUNT REQUESTED', 'WRITE_OFF REQUESTED' ..."""
        counting = [item for item in self.approvals if item.status != "WITHDRAWN"]
        return f"{counting[-1].kind} {counting[-1].status}" if counting else ""

    def __str__(self) -> str:
        return self.number or label_of(InvoiceStatus.DRAFT)


class InvoiceLine(TenantModel):
    """One thing sold: quantity × unit price − discount, and the tax on it, component by component."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="ck_invoice_line_quantity"),
        CheckConstraint(
            "unit_price_minor >= 0 and discount_minor >= 0 and net_minor >= 0 and tax_minor >= 0",
            name="ck_invoice_line_sums",
        ),
        CheckConstraint("0 <= share_minor and share_minor <= net_minor", name="ck_invoice_line_share"),
    )

    invoice_id: Mapped[str] = tenant_reference("invoice")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    service_id: Mapped[str | None] = tenant_reference("service", nullable=True)
    description: Mapped[str] = mapped_column(String(200), nullable=False)
    code: Mapped[str] = mapped_column(String(20), nullable=False, default="")
    hsn: Mapped[str] = mapped_column(String(10), nullable=False, default="")
    quantity: Mapped[Decimal] = mapped_column(Numeric(12, 3), nullable=False, default=Decimal(1))
    currency: Mapped[str] = currency_column()
    unit_price_minor: Mapped[int] = minor_column()
    discount_minor: Mapped[int] = minor_column()
    net_minor: Mapped[int] = minor_column()
    # This line's share of the invoice's own discount.
    share_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    tax_rate_id: Mapped[str | None] = tenant_reference("tax_rate", nullable=True)
    # [{"label": "CGST 9%", "percent": "9", "minor": 720}, ...] as it stood when the line was made
    tax_components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False, default=list)

    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "InvoiceLine.invoice_id", back_populates="lines")

    @property
    def unit_price(self) -> Money:
        return money_of(self, "unit_price")

    @property
    def discount(self) -> Money:
        return money_of(self, "discount")

    @property
    def net(self) -> Money:
        """Before the share of the invoice's discount, and before tax."""
        return money_of(self, "net")

    @property
    def taxable(self) -> Money:
        """What the tax is on: the net amount less the share of the invoice's discount."""
        return Money(self.net_minor - self.share_minor, self.currency)

    @property
    def tax(self) -> Money:
        return money_of(self, "tax")

    @property
    def amount(self) -> Money:
        """Taxable amount and tax."""
        return self.taxable + self.tax

    def __str__(self) -> str:
        return self.description
