"""Giving up a debt with a second person's approval, and taking that back when money comes. Callers commit."""

from __future__ import annotations

from flask_babel import gettext as _

from app.billing.events import InvoiceUpdated
from app.billing.models import OWED, ApprovalKind, Invoice, InvoiceApproval, InvoiceStatus
from app.billing.services.approvals import latest_approval, request_approval
from app.billing.services.invoices import facts
from app.billing.services.plan_progress import follow_invoice
from app.core.errors import Conflict
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, find_entry, post, reverse

WRITTEN_OFF = "write-off"


def request_write_off(invoice: Invoice, reason: str) -> InvoiceApproval:
    """Ask that what is due of a locked invoice be given up. Raises Conflict where nothing is due or it was asked."""
    if invoice.status not in OWED or not invoice.amount_due:
        raise Conflict(_("Only an open debt can be written off."), code="NOTHING_DUE", status=invoice.status)
    known = latest_approval(invoice, ApprovalKind.WRITE_OFF)
    if known is not None and known.status == "REQUESTED":
        raise Conflict(_("This was asked for already."), code="ALREADY_REQUESTED", approvalId=known.id)
    return request_approval(invoice, ApprovalKind.WRITE_OFF, invoice.amount_due, invoice.total, reason)


def write_off_invoice(invoice: Invoice, approval: InvoiceApproval) -> Invoice:
    """Book what is due now, at most what was approved, as lost. Raises Conflict where the debt grew or is settled."""
    due = invoice.amount_due
    if invoice.status not in OWED or not due:
        raise Conflict(_("Nothing is due any more."), code="NOTHING_DUE", status=invoice.status)
    if due > approval.amount:
        raise Conflict(_("More is due than was approved."), code="AMOUNT_CHANGED", due=due.to_json())
    invoice.become(InvoiceStatus.WRITTEN_OFF)
    lines = [debit(AccountCode.WRITE_OFF, due), credit(AccountCode.RECEIVABLE, due, invoice.patient_id)]
    post(WRITTEN_OFF, lines, source=_source(approval), memo=invoice.number or "")
    _tell(invoice)
    return invoice


def reinstate_invoice(invoice: Invoice, reason: str) -> Invoice:
    """The whole debt of a locked, written-off invoice counts again. Raises WrongState."""
    approval = latest_approval(invoice, ApprovalKind.WRITE_OFF)
    invoice.become(InvoiceStatus.PARTIALLY_PAID if invoice.paid_minor else InvoiceStatus.OPEN)
    entry = find_entry(WRITTEN_OFF, _source(approval)) if approval is not None else None
    if entry is not None:
        reverse(entry, reason)
    _tell(invoice)
    return invoice


def _source(approval: InvoiceApproval) -> tuple[str, str]:
    return (InvoiceApproval.__tablename__, approval.id)


def _tell(invoice: Invoice) -> None:
    db.session.flush()
    follow_invoice(invoice)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
