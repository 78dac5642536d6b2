"""API of what waits for a second person: large discounts, debts to be given up."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator
from sqlalchemy import select

from app.billing.api.bodies import ReasonBody
from app.billing.api.locking import locked_invoice
from app.billing.api.shapes import show_approval, show_invoice
from app.billing.models import ApprovalKind, ApprovalStatus, Invoice, InvoiceApproval
from app.billing.queries import get_invoice, visible_invoices
from app.billing.services import approve_request, reinstate_invoice, reject_request, request_write_off
from app.core.api import Api, Body, ListQuery, endpoint
from app.core.errors import NotFound
from app.core.paging import page
from app.core.tenant import db

INVOICE = "/billing/invoices/<id:invoice_id>"
APPROVAL = "/billing/approvals/<id:invoice_approval_id>"


class NoteBody(Body):
    note: str = Field("", max_length=300)


class ApprovalQuery(ListQuery):
    status: tuple[ApprovalStatus, ...] = Field((), description="One or more, separated by commas.")
    kind: ApprovalKind | None = None

    @field_validator("status", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ApprovalApi(Api):
    """Requests about invoices, and the word of a second person."""

    openapi_tag = "Approvals"

    @endpoint("GET", "/billing/approvals", resource="invoice_approval", action="read", query=ApprovalQuery)
    def approvals(self, query: ApprovalQuery) -> dict[str, Any]:
        """What was asked for, the newest first."""
        wanted = visible_invoices(select(*InvoiceApproval.__table__.columns).join(Invoice, _of_invoice()))
        if query.status:
            wanted = wanted.where(InvoiceApproval.status.in_(query.status))
        if query.kind is not None:
            wanted = wanted.where(InvoiceApproval.kind == query.kind)
        keys = [InvoiceApproval.created_at, InvoiceApproval.id]
        return page(wanted, keys, query, show_approval, descending=True)

    @endpoint(
        "POST", f"{APPROVAL}/approve", resource="invoice_approval", action="approve", body=NoteBody, idempotent=True
    )
    def approve(self, invoice_approval_id: str, body: NoteBody) -> dict[str, Any]:
        """Allow it: a write-off is booked at once, a draft may be opened from now on."""
        _check_visible(invoice_approval_id)
        return show_approval(approve_request(invoice_approval_id, body.note))

    @endpoint(
        "POST", f"{APPROVAL}/reject", resource="invoice_approval", action="reject", body=NoteBody, idempotent=True
    )
    def reject(self, invoice_approval_id: str, body: NoteBody) -> dict[str, Any]:
        """Refuse it."""
        _check_visible(invoice_approval_id)
        return show_approval(reject_request(invoice_approval_id, body.note))

    @endpoint(
        "POST", f"{INVOICE}/write-off",
        resource="write_off", action="create", body=ReasonBody, status=201, idempotent=True,
    )  # fmt: skip
    def write_off(self, invoice_id: str, body: ReasonBody) -> dict[str, Any]:
        """Ask that what is due be given up; a second person approves."""
        return show_approval(request_write_off(locked_invoice(invoice_id), body.reason))

    @endpoint("POST", f"{INVOICE}/reinstate", resource="write_off", action="reverse", body=ReasonBody, idempotent=True)
    def reinstate(self, invoice_id: str, body: ReasonBody) -> dict[str, Any]:
        """Let a debt that was written off count again."""
        return show_invoice(reinstate_invoice(locked_invoice(invoice_id), body.reason))


def _of_invoice() -> Any:
    return Invoice.id == InvoiceApproval.invoice_id


def _check_visible(invoice_approval_id: str) -> None:
    invoice_id = db.session.scalar(select(InvoiceApproval.invoice_id).where(InvoiceApproval.id == invoice_approval_id))
    if invoice_id is None:
        raise NotFound
    get_invoice(invoice_id)
