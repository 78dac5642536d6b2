"""Many invoices in one go, row by row: what was asked for, how far it got, what failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Boolean, CheckConstraint, Date, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
from app.core.formatting import moment, plain
from app.core.models import AwareTime, TenantModel, id_column, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful


class BulkKind(StrEnum):
    """VISITS: completed visits of a period without an invoice. DRAFTS: drafts that somebody chose."""

    VISITS = "VISITS"
    DRAFTS = "DRAFTS"


class BulkStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


UNFINISHED = (BulkStatus.QUEUED, BulkStatus.RUNNING)


class ItemStatus(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


class BulkInvoiceRun(Stateful, TenantModel):
    """One order to issue invoices. The counts follow from the items, each step in the transaction of its invoices."""

    __tablename__ = "bulk_invoice_run"
    __table_args__ = (
        one_of("kind", BulkKind, "ck_bulk_invoice_run_kind"),
        one_of("status", BulkStatus, "ck_bulk_invoice_run_status"),
        CheckConstraint(
            "0 <= done_count and 0 <= failed_count and done_count + failed_count <= total_count",
            name="ck_bulk_invoice_run_counts",
        ),
        Index("ix_bulk_invoice_run_status", "clinic_id", "status", "created_at"),
    )

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        BulkStatus.QUEUED: frozenset({BulkStatus.RUNNING, BulkStatus.CANCELLED, BulkStatus.DONE}),
        BulkStatus.RUNNING: frozenset({BulkStatus.DONE, BulkStatus.CANCELLED}),
    }

    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=BulkStatus.QUEUED)
    first_on: Mapped[date | None] = mapped_column(Date)
    last_on: Mapped[date | None] = mapped_column(Date)
    total_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    done_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    failed_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    requested_by_id: Mapped[str | None] = id_column()
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # When a worker last finished a batch: one that is silent for long has died.
    beat_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cancel_wanted: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)

    @property
    def progress(self) -> int:
        """Per cent of the rows that were looked at."""
        seen = self.done_count + self.failed_count
        return seen * 100 // self.total_count if self.total_count else 100

    def __str__(self) -> str:
        return plain(moment(self.created_at))


class BulkInvoiceItem(TenantModel):
    """One visit or draft of a run, and what became of it."""

    __tablename__ = "bulk_invoice_item"
    __table_args__ = (
        one_of("status", ItemStatus, "ck_bulk_invoice_item_status"),
        UniqueConstraint("clinic_id", "run_id", "position", name="uq_bulk_invoice_item_position"),
        Index("ix_bulk_invoice_item_run", "clinic_id", "run_id", "status", "position"),
    )
    __audited__ = False  # the run and the invoices are in the trail

    run_id: Mapped[str] = tenant_reference("bulk_invoice_run")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=ItemStatus.PENDING)
    appointment_id: Mapped[str | None] = tenant_reference("appointment", nullable=True)
    invoice_id: Mapped[str | None] = tenant_reference("invoice", nullable=True)
    error: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    run: Mapped[BulkInvoiceRun] = tenant_relationship("BulkInvoiceRun", "BulkInvoiceItem.run_id", viewonly=True)
    invoice: Mapped[Invoice | None] = tenant_relationship("Invoice", "BulkInvoiceItem.invoice_id", viewonly=True)
    appointment: Mapped[Any] = tenant_relationship("Appointment", "BulkInvoiceItem.appointment_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.position)
