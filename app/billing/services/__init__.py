"""The verbs of billing. Callers commit."""

from app.billing.services.invoices import (
    NewLine,
    NotDraft,
    draft_invoice,
    fill_lines,
    find_invoice_of_visit,
    invoice_for_visit,
    lock_invoice,
    open_invoice,
    void_invoice,
)
from app.billing.services.settlement import (
    confirm_paid_visit,
    credit_refund,
    issue_credit_note,
    settle_invoice,
)

__all__ = [
    "NewLine",
    "NotDraft",
    "confirm_paid_visit",
    "credit_refund",
    "draft_invoice",
    "fill_lines",
    "find_invoice_of_visit",
    "invoice_for_visit",
    "issue_credit_note",
    "lock_invoice",
    "open_invoice",
    "settle_invoice",
    "void_invoice",
]
