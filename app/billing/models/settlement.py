"""What settles or corrects an invoice: parts of payments, receipts, credit notes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, Integer, Numeric, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.billing.models.invoice import Invoice, InvoiceLine
from app.core.formatting import money
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    minor_column,
    money_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money


class InvoiceAllocation(TenantModel):
    """The part of a payment that settles an invoice. Both sums only grow, so that each step is told from the others."""

    __tablename__ = "invoice_allocation"
    __table_args__ = (
        UniqueConstraint("clinic_id", "invoice_id", "payment_id", name="uq_invoice_allocation"),
        CheckConstraint("0 <= returned_minor and returned_minor <= applied_minor", name="ck_invoice_allocation_sums"),
    )

    invoice_id: Mapped[str] = tenant_reference("invoice")
    payment_id: Mapped[str] = tenant_reference("payment")
    currency: Mapped[str] = currency_column()
    applied_minor: Mapped[int] = minor_column()
    # What went back to the payer and so settles nothing any more.
    returned_minor: Mapped[int] = minor_column()

    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "InvoiceAllocation.invoice_id", viewonly=True)
    payment: Mapped[Any] = tenant_relationship("Payment", "InvoiceAllocation.payment_id", viewonly=True)

    @property
    def amount(self) -> Money:
        return Money(self.applied_minor - self.returned_minor, self.currency)

    def __str__(self) -> str:
        return money(self.amount)


class Receipt(TenantModel):
    """The numbered receipt of a payment."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_receipt_number"),
        UniqueConstraint("clinic_id", "payment_id", name="uq_receipt_payment"),
    )

    number: Mapped[str] = mapped_column(String(30), nullable=False)
    payment_id: Mapped[str] = tenant_reference("payment")
    patient_id: Mapped[str] = tenant_reference("patient")
    issued_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)

    __located_through__ = "payment"

    payment: Mapped[Any] = tenant_relationship("Payment", "Receipt.payment_id", viewonly=True)
    patient: Mapped[Any] = tenant_relationship("Patient", "Receipt.patient_id", viewonly=True)

    def __str__(self) -> str:
        return self.number


class CreditNote(TenantModel):
    """A correction of an open invoice, numbered in its own gapless series."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_credit_note_number"),
        Index(
            "uq_credit_note_refund", "clinic_id", "refund_id", "invoice_id", unique=True,
            postgresql_where=text("refund_id is not null"),
        ),
        CheckConstraint("total_minor > 0 and total_minor = net_minor + tax_minor", name="ck_credit_note_total"),
    )  # fmt: skip

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

    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "CreditNote.invoice_id", viewonly=True)
    patient: Mapped[Any] = tenant_relationship("Patient", "CreditNote.patient_id", viewonly=True)
    lines: Mapped[list[CreditNoteLine]] = relationship(
        primaryjoin="foreign(CreditNoteLine.credit_note_id) == CreditNote.id",
        order_by="CreditNoteLine.position",
        back_populates="credit_note",
    )

    @property
    def net(self) -> Money:
        return money_of(self, "net")

    @property
    def tax(self) -> Money:
        return money_of(self, "tax")

    @property
    def total(self) -> Money:
        return money_of(self, "total")

    def __str__(self) -> str:
        return self.number


class CreditNoteLine(TenantModel):
    """What a credit note takes off one line. `quantity` is zero where only an amount was taken off."""

    __tablename__ = "credit_note_line"
    __table_args__ = (
        UniqueConstraint("clinic_id", "credit_note_id", "position", name="uq_credit_note_line_position"),
        CheckConstraint("quantity >= 0 and net_minor >= 0 and tax_minor >= 0", name="ck_credit_note_line_sums"),
    )

    credit_note_id: Mapped[str] = tenant_reference("credit_note")
    invoice_line_id: Mapped[str] = tenant_reference("invoice_line")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    quantity: Mapped[Decimal] = mapped_column(Numeric(12, 3), nullable=False, default=Decimal(0))
    currency: Mapped[str] = currency_column()
    net_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    # [{"label": "CGST", "percent": "9", "minor": 720}, ...]: the invoice line's components, as far as they are credited
    tax_components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False, default=list)

    credit_note: Mapped[CreditNote] = tenant_relationship(
        "CreditNote", "CreditNoteLine.credit_note_id", back_populates="lines"
    )
    line: Mapped[InvoiceLine] = tenant_relationship("InvoiceLine", "CreditNoteLine.invoice_line_id", viewonly=True)

    @property
    def net(self) -> Money:
        return money_of(self, "net")

    @property
    def tax(self) -> Money:
        return money_of(self, "tax")

    @property
    def amount(self) -> Money:
        return self.net + self.tax

    def __str__(self) -> str:
        return money(self.amount)


class PlannedAllocation(TenantModel):
    """What a payment over several invoices is meant to settle once its money is there, in this order."""

    __tablename__ = "planned_allocation"
    __table_args__ = (
        UniqueConstraint("clinic_id", "payment_id", "invoice_id", name="uq_planned_allocation"),
        CheckConstraint("amount_minor > 0", name="ck_planned_allocation_amount"),
    )

    payment_id: Mapped[str] = tenant_reference("payment")
    invoice_id: Mapped[str] = tenant_reference("invoice")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")
