"""The verbs of billing. Callers commit, except of `app.payments.services.start_checkout`, which follows `begin_*`."""

from app.billing.services.checkout import (
    AlreadyPaid,
    Collected,
    NotPayable,
    begin_invoice_payment,
    begin_visit_payment,
    collect_at_desk,
)
from app.billing.services.credit_notes import credit_invoice, credit_lines, credit_refund, lock_for_credit
from app.billing.services.credit_parts import AboveInvoice, LineCredit
from app.billing.services.decisions import AboveLimit, approve_request, may_decide_request, reject_request
from app.billing.services.discounts import DiscountUndecided, check_discounts
from app.billing.services.files import credit_note_pdf, ensure_pdf, receipt_pdf
from app.billing.services.invoices import (
    NotDraft,
    change_draft,
    draft_invoice,
    lock_invoice,
    open_invoice,
    void_invoice,
)
from app.billing.services.lines import NewLine
from app.billing.services.patient_credit import (
    NoCredit,
    apply_credit,
    begin_deposit,
    begin_payment_of_invoices,
    collect_for_invoices,
    credit_balance,
    refund_credit,
    take_deposit,
)
from app.billing.services.pay_links import LinkOver, make_pay_link
from app.billing.services.payment_plans import (
    cancel_payment_plan,
    change_payment_plan,
    default_if_too_late,
    lock_plan,
    make_payment_plan,
)
from app.billing.services.receipts import find_receipt, issue_receipt
from app.billing.services.settlement import settle_invoice, take_payment
from app.billing.services.visits import bill_completed_visit, find_invoice_of_visit, invoice_for_visit, lock_visit
from app.billing.services.write_offs import reinstate_invoice, request_write_off

__all__ = [
    "AboveInvoice",
    "AboveLimit",
    "AlreadyPaid",
    "Collected",
    "DiscountUndecided",
    "LineCredit",
    "LinkOver",
    "NewLine",
    "NoCredit",
    "NotDraft",
    "NotPayable",
    "apply_credit",
    "approve_request",
    "begin_deposit",
    "begin_invoice_payment",
    "begin_payment_of_invoices",
    "begin_visit_payment",
    "bill_completed_visit",
    "cancel_payment_plan",
    "change_draft",
    "change_payment_plan",
    "check_discounts",
    "collect_at_desk",
    "collect_for_invoices",
    "credit_balance",
    "credit_invoice",
    "credit_lines",
    "credit_note_pdf",
    "credit_refund",
    "default_if_too_late",
    "draft_invoice",
    "ensure_pdf",
    "find_invoice_of_visit",
    "find_receipt",
    "invoice_for_visit",
    "issue_receipt",
    "lock_for_credit",
    "lock_invoice",
    "lock_plan",
    "lock_visit",
    "make_pay_link",
    "make_payment_plan",
    "may_decide_request",
    "open_invoice",
    "receipt_pdf",
    "refund_credit",
    "reinstate_invoice",
    "reject_request",
    "request_write_off",
    "settle_invoice",
    "take_deposit",
    "take_payment",
    "void_invoice",
]
