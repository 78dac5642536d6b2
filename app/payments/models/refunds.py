"""Money that goes back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.access.models import person_behind
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
from app.core.vocabulary import label_of
from app.payments.models.payments import CHEQUE_RETURNED, Payment, TenderKind


class RefundStatus(StrEnum):
    """REQUESTED waits for approval, APPROVED to be sent, SENT for the gateway."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    SENT = "SENT"
    SETTLED = "SETTLED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"


ORIGINAL = "ORIGINAL"  # back to the instrument that paid
RETURN_UNDONE = "RETURN_UNDONE"  # what screens call the record of a cheque that had not come back after all


class Refund(Stateful, TenantModel):
    """Money that goes back. `external`: we only learnt of it. It was started in the vendor's dashboard, or is a cheque
    of the desk that the bank gave back.
    """

    __tablename__ = "refund"
    __table_args__ = (
        one_of("status", RefundStatus, "ck_refund_status"),
        one_of("destination", [ORIGINAL, *TenderKind], "ck_refund_destination"),
        CheckConstraint("amount_minor > 0", name="ck_refund_amount"),
        Index("ix_refund_status", "clinic_id", "status", "created_at"),
        Index("ix_refund_payment", "clinic_id", "payment_id", "created_at"),
        Index("ix_refund_settled", "clinic_id", "settled_at", "id"),
        Index(
            "uq_refund_gateway_id", "clinic_id", "payment_id", "gateway_refund_id", unique=True,
            postgresql_where=text("gateway_refund_id is not null"),
        ),
    )  # fmt: skip

    # FAILED after SETTLED is real (a bank returns it, a cheque's return is undone); the other way round is only a late
    # notice.
    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        RefundStatus.REQUESTED: frozenset({RefundStatus.APPROVED, RefundStatus.REJECTED}),
        RefundStatus.APPROVED: frozenset({RefundStatus.SENT, RefundStatus.SETTLED, RefundStatus.FAILED}),
        RefundStatus.SENT: frozenset({RefundStatus.SETTLED, RefundStatus.FAILED}),
        RefundStatus.SETTLED: frozenset({RefundStatus.FAILED}),
    }

    payment_id: Mapped[str] = tenant_reference("payment")
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=RefundStatus.REQUESTED)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    destination: Mapped[str] = mapped_column(String(20), nullable=False, default=ORIGINAL)
    external: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    gateway_payment_id: Mapped[str | None] = mapped_column(String(80))
    gateway_refund_id: Mapped[str | None] = mapped_column(String(80))
    bank_reference: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    requested_by_id: Mapped[str | None] = id_column()
    decided_by_id: Mapped[str | None] = id_column()
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    decision_note: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    sent_at: Mapped[datetime | None] = mapped_column(AwareTime)
    settled_at: Mapped[datetime | None] = mapped_column(AwareTime)
    failed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    error_code: Mapped[str] = mapped_column(String(64), nullable=False, default="")
    error_text: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    __located_through__ = "payment"

    requested_by: Mapped[Any] = person_behind("Refund.requested_by_id")
    decided_by: Mapped[Any] = person_behind("Refund.decided_by_id")
    payment: Mapped[Payment] = tenant_relationship("Payment", "Refund.payment_id", back_populates="refunds")

    @property
    def patient(self) -> Any:
        return self.payment.patient

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def of_cheque(self) -> bool:
        """The record of a cheque that the bank gave back: nobody asked for it, and nobody was paid out."""
        return self.external and self.payment.at_desk

    @property
    def came_back(self) -> bool:
        """Such a record that stands."""
        return self.of_cheque and self.status == RefundStatus.SETTLED

    @property
    def shown_status(self) -> str:
        """The status as screens tell it."""
        if not self.of_cheque:
            return self.status
        return CHEQUE_RETURNED if self.came_back else RETURN_UNDONE

    def __str__(self) -> str:
        return f"{money(self.amount)}, {label_of(self.shown_status)}"
