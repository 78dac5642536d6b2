"""What we ask of gateways, as durable rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import (
    Boolean,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

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
from app.core.vocabulary import kind_name, label_of
from app.payments.models.payments import Payment

if TYPE_CHECKING:
    from app.payments.models.refunds import Refund


class OperationKind(StrEnum):
    """What we ask of a gateway. FETCH watches a payment until it is settled, in case no notice comes.

    CAPTURE takes reserved money, or what the payer approved where the gateway waits for that call. CHARGE takes money
    from a saved instrument.
    """

    CREATE_ORDER = "CREATE_ORDER"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    FETCH = "FETCH"
    CHARGE = "CHARGE"


class OperationStatus(StrEnum):
    """UNKNOWN: it may have been carried out; it is asked for, never simply repeated."""

    STARTED = "STARTED"
    DONE = "DONE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class PaymentOperation(TenantModel):
    """One thing we asked of a gateway, committed before the call. `key` is its idempotency key there.

    STARTED with `next_at` ahead is at work, or waits for its next try; with `next_at` past, whoever did it died.
    """

    __tablename__ = "payment_operation"
    __table_args__ = (
        UniqueConstraint("clinic_id", "key", name="uq_payment_operation_key"),
        one_of("kind", OperationKind, "ck_payment_operation_kind"),
        one_of("status", OperationStatus, "ck_payment_operation_status"),
        Index(
            "uq_payment_operation_open", "clinic_id", "payment_id", "kind", unique=True,
            postgresql_where=text("status in ('STARTED', 'UNKNOWN') and kind <> 'REFUND'"),
        ),
        Index(
            "uq_payment_operation_refund", "clinic_id", "refund_id", unique=True,
            postgresql_where=text("status <> 'FAILED' and kind = 'REFUND'"),
        ),
        Index("ix_payment_operation_payment", "clinic_id", "payment_id", "created_at"),
        Index("ix_payment_operation_due", "next_at", postgresql_where=text("status in ('STARTED', 'UNKNOWN')")),
        Index("ix_payment_operation_status", "clinic_id", "status", "created_at"),
    )  # fmt: skip

    __audited__ = False  # machinery; what it brings about is in the trail

    payment_id: Mapped[str] = tenant_reference("payment")
    refund_id: Mapped[str | None] = tenant_reference("refund", nullable=True)
    kind: Mapped[str] = mapped_column(String(20), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=OperationStatus.STARTED)
    key: Mapped[str] = mapped_column(String(64), nullable=False)
    amount_minor: Mapped[int] = minor_column()
    currency: Mapped[str] = currency_column()
    # Of a capture: what it leaves of the reservation is let go.
    final: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True, server_default=text("true"))
    attempts: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    # When the poller looks at it (again); None: only a person can settle it now.
    next_at: Mapped[datetime | None] = mapped_column(AwareTime, default=clock.now)
    woken_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    gateway_id: Mapped[str | None] = mapped_column(String(80))
    error_code: Mapped[str] = mapped_column(String(64), nullable=False, default="")
    error_text: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    payment: Mapped[Payment] = tenant_relationship("Payment", "PaymentOperation.payment_id", viewonly=True)
    refund: Mapped[Refund | None] = tenant_relationship("Refund", "PaymentOperation.refund_id", viewonly=True)

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    @property
    def open(self) -> bool:
        return self.status in (OperationStatus.STARTED, OperationStatus.UNKNOWN)

    def __str__(self) -> str:
        return f"{kind_name(self.kind)}, {label_of(self.status)}"
