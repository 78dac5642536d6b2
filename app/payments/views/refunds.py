"""Refunds: the queue that waits for a decision, and what became of each."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.payments.models import Refund, RefundStatus
from app.payments.services import approve_refund, may_decide, reject_refund


def _is_undecided(refund: Refund) -> bool:
    return refund.status == RefundStatus.REQUESTED


class RefundView(ReadOnlyView):
    """Every refund; those that are requested wait for Approve or Reject."""

    model = Refund
    class_permission_name = "refund"
    menu = ("Payments", _("Refunds"))
    menu_order = 25
    list_title = _("Refunds")
    list_columns = [
        "created_at",
        "payment",
        "amount",
        "shown_status",
        "reason",
        "requested_by",
        "destination",
        "error_text",
    ]
    order_columns = ["created_at", "status"]
    show_template = "payments/refund_show.html"
    show_columns = [
        "shown_status",
        "patient",
        "payment",
        "amount",
        "reason",
        "destination",
        "external",
        "requested_by",
        "created_at",
        "decided_by",
        "decided_at",
        "decision_note",
        "sent_at",
        "settled_at",
        "failed_at",
        "gateway_refund_id",
        "bank_reference",
        "error_code",
        "error_text",
    ]
    search_columns = ["status", "destination", "external", "reason", "gateway_refund_id", "created_at"]
    label_columns = {
        "patient": _("Patient"),
        "shown_status": _("Status"),
        "requested_by": _("Asked for by"),
        "decided_by": _("Decided by"),
        "destination": _("Paid back as"),
        "external": _("Not started here"),
        "decision_note": _("Note"),
        "gateway_refund_id": _("Gateway's number"),
        "bank_reference": _("Bank's reference"),
        "error_code": _("Failure"),
        "error_text": _("Reason of the failure"),
    }
    charts = (
        Chart("status", _("Refunds by status"), lambda: Refund.status, kind="doughnut"),
        monthly(
            "month",
            _("Refunded by month"),
            Refund.settled_at,
            value=lambda: func.sum(Refund.amount_minor),
            value_name=_("Refunded"),
            minor=True,
        ),
    )

    def render_template(self, template: str, **context: Any) -> str:
        """A record says whether its reader may decide about it."""
        if "item" in context:
            context["decidable"] = may_decide(context["item"])
        return str(super().render_template(template, **context))

    @row_action("approve", _("Approve"), confirm=_("Approve? The money goes back at once."), when=_is_undecided)
    def approve(self, refund: Refund) -> Any:
        done = approve_refund(refund).status == RefundStatus.SETTLED
        return _("Approved: pay it out now.") if done else _("Approved: it is being sent to the gateway.")

    @row_action("reject", _("Reject"), confirm=_("Reject this request?"), when=_is_undecided)
    def reject(self, refund: Refund) -> Any:
        reject_refund(refund)
        return _("Rejected.")
