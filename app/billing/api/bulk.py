"""API of bulk invoicing: order it, watch it, stop it."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from pydantic import Field, model_validator
from sqlalchemy import select

from app.billing.jobs.bulk import issue_in_bulk
from app.billing.models import BulkInvoiceItem, BulkInvoiceRun, BulkKind, ItemStatus
from app.billing.services.bulk import (
    cancel_run,
    get_run,
    progress_of,
    retry_failures,
    start_bulk_drafts,
    start_bulk_visits,
)
from app.core.api import Api, Body, ListQuery, endpoint
from app.core.api_values import Day, Id
from app.core.paging import page

RUN = "/billing/bulk-invoices/<id:bulk_invoice_run_id>"


class BulkBody(Body):
    """VISITS: completed visits without an invoice, `from` to `to` (the clinic's dates). DRAFTS: all, or the named."""

    kind: BulkKind = BulkKind.VISITS
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    invoice_ids: list[Id] | None = Field(None, min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _complete(self) -> BulkBody:
        if self.kind == BulkKind.VISITS and (self.from_ is None or self.to is None):
            raise ValueError(_("Give from and to."))
        return self


class ItemQuery(ListQuery):
    status: ItemStatus | None = None


class BulkInvoiceApi(Api):
    """Many invoices in one go, by a worker."""

    openapi_tag = "Bulk invoices"

    @endpoint(
        "POST", "/billing/bulk-invoices",
        resource="bulk_invoice", action="create", body=BulkBody, status=202, idempotent=True,
    )  # fmt: skip
    def start(self, body: BulkBody) -> dict[str, Any]:
        """Order invoices for visits of a period, or that drafts be opened."""
        if body.kind == BulkKind.DRAFTS:
            return _woken(start_bulk_drafts(body.invoice_ids))
        assert body.from_ is not None and body.to is not None  # the body was checked
        return _woken(start_bulk_visits(body.from_, body.to))

    @endpoint("GET", "/billing/bulk-invoices", resource="bulk_invoice", action="read", query=ListQuery)
    def runs(self, query: ListQuery) -> dict[str, Any]:
        """Runs, the newest first."""
        keys = [BulkInvoiceRun.created_at, BulkInvoiceRun.id]
        wanted = select(BulkInvoiceRun, *keys)
        return page(wanted, keys, query, lambda row: progress_of(row.BulkInvoiceRun), descending=True)

    @endpoint("GET", RUN, resource="bulk_invoice", action="read")
    def run(self, bulk_invoice_run_id: str) -> dict[str, Any]:
        """How far a run got."""
        return progress_of(get_run(bulk_invoice_run_id))

    @endpoint("GET", f"{RUN}/items", resource="bulk_invoice", action="read", query=ItemQuery)
    def items(self, bulk_invoice_run_id: str, query: ItemQuery) -> dict[str, Any]:
        """The rows of a run in their order, with what failed."""
        wanted = select(*_ITEM).where(BulkInvoiceItem.run_id == bulk_invoice_run_id)
        if query.status is not None:
            wanted = wanted.where(BulkInvoiceItem.status == query.status)
        rows = page(wanted, [BulkInvoiceItem.position, BulkInvoiceItem.id], query, _show_item)
        get_run(bulk_invoice_run_id)
        return rows

    @endpoint("POST", f"{RUN}/cancel", resource="bulk_invoice", action="cancel", idempotent=True)
    def cancel(self, bulk_invoice_run_id: str) -> dict[str, Any]:
        """Stop after the batch under way; what is issued stays."""
        return progress_of(cancel_run(bulk_invoice_run_id))

    @endpoint("POST", f"{RUN}/retry", resource="bulk_invoice", action="create", status=202, idempotent=True)
    def retry(self, bulk_invoice_run_id: str) -> dict[str, Any]:
        """Try the rows that failed once more, in a new run."""
        return _woken(retry_failures(bulk_invoice_run_id))


_ITEM = (
    BulkInvoiceItem.id,
    BulkInvoiceItem.position,
    BulkInvoiceItem.status,
    BulkInvoiceItem.appointment_id,
    BulkInvoiceItem.invoice_id,
    BulkInvoiceItem.error,
)


def _woken(run: BulkInvoiceRun) -> dict[str, Any]:
    issue_in_bulk.enqueue(run.clinic_id, run.id)
    return progress_of(run)


def _show_item(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "position": row.position,
        "status": row.status,
        "appointmentId": row.appointment_id,
        "invoiceId": row.invoice_id,
        "error": row.error or None,
    }
