"""Asking for a second person's word about an invoice, and giving it. Callers commit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.billing.events import ApprovalDecided, ApprovalRequested
from app.billing.models import ApprovalKind, ApprovalStatus, Invoice, InvoiceApproval
from app.core import clock
from app.core.errors import NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.tenant import db
from app.events.services import publish


def request_approval(invoice: Invoice, kind: ApprovalKind, amount: Money, basis: Money, reason: str) -> InvoiceApproval:
    """Ask in the name of whoever acts. The invoice is locked, or new."""
    principal = find_principal()
    approval = InvoiceApproval(
        id=new_id(),
        invoice_id=invoice.id,
        kind=kind,
        status=ApprovalStatus.REQUESTED,
        currency=amount.currency,
        amount_minor=amount.minor,
        basis_minor=basis.minor,
        reason=reason[:300],
        requested_by_id=principal.user_id if principal else None,
    )
    db.session.add(approval)
    db.session.flush()
    publish(ApprovalRequested(approval_id=approval.id, **_about(approval)))
    return approval


def withdraw_request(invoice: Invoice, kind: ApprovalKind) -> None:
    """What was asked for, or refused, is no longer what the draft says."""
    known = latest_approval(invoice, kind)
    if known is not None and known.can_become(ApprovalStatus.WITHDRAWN):
        known.become(ApprovalStatus.WITHDRAWN)
        db.session.flush()


def latest_approval(invoice: Invoice, kind: ApprovalKind) -> InvoiceApproval | None:
    """What was last asked for an invoice, however it ended; a withdrawn request does not count."""
    wanted = select(InvoiceApproval).where(
        InvoiceApproval.invoice_id == invoice.id,
        InvoiceApproval.kind == kind,
        InvoiceApproval.status != ApprovalStatus.WITHDRAWN,
    )
    return db.session.scalar(wanted.order_by(InvoiceApproval.created_at.desc(), InvoiceApproval.id.desc()).limit(1))


def lock_approval(approval_id: str) -> InvoiceApproval:
    """The row, locked and fresh; lock its invoice first. Raises NotFound."""
    wanted = select(InvoiceApproval).where(InvoiceApproval.id == approval_id).with_for_update(of=InvoiceApproval)
    found = db.session.scalar(wanted.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def note_decision(approval: InvoiceApproval, status: ApprovalStatus, note: str) -> None:
    """Raises WrongState for what is decided already."""
    approval.become(status)
    principal = find_principal()
    approval.decided_by_id = principal.user_id if principal else None
    approval.decided_at = clock.now()
    approval.decision_note = note[:300]
    db.session.flush()
    approved = status == ApprovalStatus.APPROVED
    publish(ApprovalDecided(approval_id=approval.id, approved=approved, **_about(approval)))


def _about(approval: InvoiceApproval) -> dict[str, Any]:
    return {
        "invoice_id": approval.invoice_id,
        "kind": approval.kind,
        "amount_minor": approval.amount_minor,
        "currency": approval.currency,
    }
