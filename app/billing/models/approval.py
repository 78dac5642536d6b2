"""What of an invoice a second person must allow: a discount above somebody's limit, giving a debt up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
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
from app.core.vocabulary import kind_name


class ApprovalKind(StrEnum):
    DISCOUNT = "DISCOUNT"
    WRITE_OFF = "WRITE_OFF"


class ApprovalStatus(StrEnum):
    """WITHDRAWN: what it was asked for is no longer wanted, because the draft was written anew."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class InvoiceApproval(Stateful, TenantModel):
    """One request: `amount` is the discount given in all, or the debt to be given up; `basis` what it is taken off."""

    __tablename__ = "invoice_approval"
    __table_args__ = (
        one_of("kind", ApprovalKind, "ck_invoice_approval_kind"),
        one_of("status", ApprovalStatus, "ck_invoice_approval_status"),
        CheckConstraint("0 < amount_minor and amount_minor <= basis_minor", name="ck_invoice_approval_amount"),
        CheckConstraint(
            "decided_by_id is null or requested_by_id is null or decided_by_id <> requested_by_id",
            name="ck_invoice_approval_second_person",
        ),
        Index("ix_invoice_approval_status", "clinic_id", "status", "created_at"),
        Index(
            "uq_invoice_approval_open", "clinic_id", "invoice_id", "kind", unique=True,
            postgresql_where=text("status = 'REQUESTED'"),
        ),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        ApprovalStatus.REQUESTED: frozenset(
            {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED, ApprovalStatus.WITHDRAWN}
        ),
        ApprovalStatus.REJECTED: frozenset({ApprovalStatus.WITHDRAWN}),
    }

    invoice_id: Mapped[str] = tenant_reference("invoice")
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=ApprovalStatus.REQUESTED)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    basis_minor: Mapped[int] = minor_column()
    reason: Mapped[str] = mapped_column(String(300), nullable=False)
    requested_by_id: Mapped[str | None] = id_column()
    decided_by_id: Mapped[str | None] = id_column()
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    decision_note: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "InvoiceApproval.invoice_id", viewonly=True)

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def basis(self) -> Money:
        return money_of(self, "basis")

    @property
    def percent(self) -> str:
        """'12.5 %' of the basis, rounded to a tenth."""
        tenths = (self.amount_minor * 2000 + self.basis_minor) // (self.basis_minor * 2)
        return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"

    @property
    def patient(self) -> Any:
        return self.invoice.patient

    def __str__(self) -> str:
        return f"{kind_name(self.kind)} {money(self.amount)}"
