"""What settles or corrects an invoice: parts of payments, receipts, credit notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
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
            "uq_credit_note_refund", "clinic_id", "refund_id", unique=True,
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

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "CreditNote.invoice_id", viewonly=True)
    patient: Mapped[Any] = tenant_relationship("Patient", "CreditNote.patient_id", viewonly=True)

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
