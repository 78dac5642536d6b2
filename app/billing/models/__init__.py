"""Invoices, their lines and what settles them; credit notes, receipts, pay links, plans, approvals, bulk runs."""

from app.billing.models.approval import ApprovalKind, ApprovalStatus, InvoiceApproval
from app.billing.models.bulk_run import UNFINISHED, BulkInvoiceItem, BulkInvoiceRun, BulkKind, BulkStatus, ItemStatus
from app.billing.models.immutable import DATABASE_RULES
from app.billing.models.invoice import OWED, PAYABLE, Invoice, InvoiceLine, InvoiceStatus
from app.billing.models.pay_link import PayLink
from app.billing.models.payment_plan import RUNNING, Instalment, InstalmentInterval, PaymentPlan, PaymentPlanStatus
from app.billing.models.settlement import CreditNote, CreditNoteLine, InvoiceAllocation, PlannedAllocation, Receipt

__all__ = [
    "DATABASE_RULES",
    "OWED",
    "PAYABLE",
    "RUNNING",
    "UNFINISHED",
    "ApprovalKind",
    "ApprovalStatus",
    "BulkInvoiceItem",
    "BulkInvoiceRun",
    "BulkKind",
    "BulkStatus",
    "CreditNote",
    "CreditNoteLine",
    "Instalment",
    "Invoice",
    "InvoiceAllocation",
    "InvoiceApproval",
    "InvoiceLine",
    "InvoiceStatus",
    "ItemStatus",
    "PayLink",
    "PaymentPlan",
    "InstalmentInterval",
    "PaymentPlanStatus",
    "PlannedAllocation",
    "Receipt",
]
