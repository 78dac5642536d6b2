"""Approving and rejecting what was asked for an invoice. Callers commit."""

from __future__ import annotations

from flask_babel import gettext as _

from app.billing.models import ApprovalKind, ApprovalStatus, Invoice, InvoiceApproval
from app.billing.services.approvals import lock_approval, note_decision
from app.billing.services.discounts import above_limit, discount_limit
from app.billing.services.invoices import check_draft, lock_invoice
from app.billing.services.visits import lock_visit
from app.billing.services.write_offs import write_off_invoice
from app.core.errors import Forbidden
from app.core.principal import Principal, current_principal
from app.core.tenant import db
from app.payments.errors import SecondPersonNeeded


class AboveLimit(Forbidden):
    """The discount is more than the person's own limit."""

    code = "ABOVE_LIMIT"


def approve_request(approval_id: str, note: str = "") -> InvoiceApproval:
    """Allow it; a write-off is booked with it, a draft may be opened from now on.

    Raises NotFound, WrongState, SecondPersonNeeded, AboveLimit, NotDraft, Conflict for a debt that is settled.
    """
    approval, invoice = _locked(approval_id)
    principal = current_principal()
    if approval.requested_by_id == principal.user_id:
        raise SecondPersonNeeded(_("Another person must decide about this."))
    if approval.kind == ApprovalKind.DISCOUNT:
        _check_limit(approval, principal)
    note_decision(approval, ApprovalStatus.APPROVED, note)
    if approval.kind == ApprovalKind.WRITE_OFF:
        write_off_invoice(invoice, approval)
    else:
        check_draft(invoice)
    return approval


def reject_request(approval_id: str, note: str = "") -> InvoiceApproval:
    """Raises NotFound, WrongState, SecondPersonNeeded: what one asked for oneself is not one's own to decide."""
    approval, _invoice = _locked(approval_id)
    if approval.requested_by_id == current_principal().user_id:
        raise SecondPersonNeeded(_("Another person must decide about this."))
    note_decision(approval, ApprovalStatus.REJECTED, note)
    return approval


def may_decide_request(approval: InvoiceApproval, principal: Principal | None = None) -> bool:
    """Whether the rule of two persons and the person's own limit let them approve."""
    principal = principal or current_principal()
    if approval.requested_by_id == principal.user_id:
        return False
    within = not above_limit(approval.amount, approval.basis, discount_limit(principal))
    return approval.kind != ApprovalKind.DISCOUNT or within


def _check_limit(approval: InvoiceApproval, principal: Principal) -> None:
    limit = discount_limit(principal)
    if above_limit(approval.amount, approval.basis, limit):
        raise AboveLimit(_("You may approve discounts of up to %(limit)s %%.", limit=limit), limit=limit)


def _locked(approval_id: str) -> tuple[InvoiceApproval, Invoice]:
    """Visit, invoice, request: in the order of all locks. Raises NotFound."""
    found = db.session.get(InvoiceApproval, approval_id) or lock_approval(approval_id)
    appointment_id = found.invoice.appointment_id
    if appointment_id is not None:
        lock_visit(appointment_id)
    invoice = lock_invoice(found.invoice_id)
    return lock_approval(approval_id), invoice
