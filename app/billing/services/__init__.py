"""The verbs of billing. Callers commit, except of `app.payments.services.start_checkout`, which follows `begin_*`."""

from app.billing.services.checkout import (
    AlreadyPaid,
    Collected,
    NotPayable,
    begin_invoice_payment,
    begin_visit_payment,
    collect_at_desk,
)
from app.billing.services.credit_notes import AboveInvoice, credit_invoice, credit_refund
from app.billing.services.files import credit_note_pdf, ensure_pdf, receipt_pdf
from app.billing.services.invoices import (
    NotDraft,
    change_draft,
    draft_invoice,
    lock_invoice,
    open_invoice,
    void_invoice,
)
from app.billing.services.lines import NewLine, check_discounts
from app.billing.services.pay_links import LinkOver, make_pay_link
from app.billing.services.receipts import find_receipt, issue_receipt
from app.billing.services.settlement import settle_invoice, take_payment
from app.billing.services.visits import bill_completed_visit, find_invoice_of_visit, invoice_for_visit, lock_visit

__all__ = [
    "AboveInvoice",
    "AlreadyPaid",
    "Collected",
    "LinkOver",
    "NewLine",
    "NotDraft",
    "NotPayable",
    "begin_invoice_payment",
    "begin_visit_payment",
    "bill_completed_visit",
    "change_draft",
    "check_discounts",
    "collect_at_desk",
    "credit_invoice",
    "credit_note_pdf",
    "credit_refund",
    "draft_invoice",
    "ensure_pdf",
    "find_invoice_of_visit",
    "find_receipt",
    "invoice_for_visit",
    "issue_receipt",
    "lock_invoice",
    "lock_visit",
    "make_pay_link",
    "open_invoice",
    "receipt_pdf",
    "settle_invoice",
    "take_payment",
    "void_invoice",
]
