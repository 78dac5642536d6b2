"""What waits for a second person."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select

from app.billing.models import ApprovalStatus, InvoiceApproval
from app.billing.services import approve_request, reject_request
from app.core.navigation import describe_item
from app.core.tenant import db
from app.core.views import Chart, ReadOnlyView, monthly, row_action


def count_waiting() -> int:
    """Requests of the clinic in scope that nobody has decided."""
    waiting = select(func.count()).where(InvoiceApproval.status == ApprovalStatus.REQUESTED)
    return int(db.session.scalar(waiting) or 0)


describe_item("InvoiceApprovalView", badge=count_waiting, tone="warn")


def _is_undecided(approval: InvoiceApproval) -> bool:
    return approval.status == ApprovalStatus.REQUESTED


class InvoiceApprovalView(ReadOnlyView):
    """Large discounts and debts to be given up: whoever did not ask decides."""

    model = InvoiceApproval
    class_permission_name = "invoice_approval"
    menu = ("Billing", _("Approvals"))
    menu_order = 27
    list_title = _("Approvals")
    lede = _("Discounts above somebody's limit, and debts to be written off. A second person decides.")
    list_columns = ["created_at", "kind", "invoice", "patient", "amount", "percent", "reason", "status"]
    show_columns = [
        "kind", "status", "invoice", "patient", "amount", "basis", "percent", "reason", "created_at", "decided_at",
        "decision_note",
    ]  # fmt: skip
    search_columns = ["status", "kind", "created_at"]
    order_columns = ["created_at", "status"]
    label_columns = {
        "kind": _("What"),
        "amount": _("Amount"),
        "basis": _("Of"),
        "percent": _("Share"),
        "patient": _("Patient"),
        "decision_note": _("Note"),
    }
    charts = (
        Chart("kind", _("Approvals by kind"), lambda: InvoiceApproval.kind, kind="doughnut"),
        monthly(
            "month",
            _("Asked for by month"),
            InvoiceApproval.created_at,
            value=lambda: func.sum(InvoiceApproval.amount_minor),
            value_name=_("Amount"),
            minor=True,
        ),
    )

    @row_action("approve", _("Approve"), confirm=_("Approve? A write-off is booked at once."), when=_is_undecided)
    def approve(self, approval: InvoiceApproval) -> Any:
        approve_request(approval.id)
        return gettext("Approved.")

    @row_action("reject", _("Reject"), confirm=_("Reject this request?"), when=_is_undecided)
    def reject(self, approval: InvoiceApproval) -> Any:
        reject_request(approval.id)
        return gettext("Rejected.")
