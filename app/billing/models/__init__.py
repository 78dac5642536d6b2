"""Invoices, their lines and what settles them; credit notes, receipts, pay links, plans, approvals, bulk runs."""

from app.billing.models.approval import ApprovalKind, ApprovalStatus, InvoiceApproval
from app.billing.models.bulk_run import UNFINISHED, BulkInvoiceItem, BulkInvoiceRun, BulkKind, BulkStatus, ItemStatus
from app.billing.models.cash_desk import (
    CashDrawer,
    CounterAccount,
    DayClose,
    DrawerHandover,
    DrawerStatus,
    HandoverStatus,
    MoneyMovement,
    MovementKind,
)
from app.billing.models.cash_desk_rules import DATABASE_RULES as CASH_DESK_RULES
from app.billing.models.immutable import DATABASE_RULES
from app.billing.models.invoice import OWED, PAYABLE, Invoice, InvoiceLine, InvoiceStatus
from app.billing.models.pay_link import PayLink
from app.billing.models.payment_plan import RUNNING, Instalment, InstalmentInterval, PaymentPlan, PaymentPlanStatus
from app.billing.models.plan import BillingPeriod, Plan
from app.billing.models.safe_count import SafeCount, SafeCountStatus
from app.billing.models.settlement import CreditNote, CreditNoteLine, InvoiceAllocation, PlannedAllocation, Receipt
from app.billing.models.subscription import (
    COVERING,
    LIVE,
    Coverage,
    CoverageStatus,
    Subscription,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from app.billing.models.visit_fee import FeeKind, VisitFee

__all__ = [
    "CASH_DESK_RULES",
    "COVERING",
    "DATABASE_RULES",
    "LIVE",
    "OWED",
    "PAYABLE",
    "RUNNING",
    "UNFINISHED",
    "ApprovalKind",
    "ApprovalStatus",
    "BillingPeriod",
    "BulkInvoiceItem",
    "BulkInvoiceRun",
    "BulkKind",
    "BulkStatus",
    "Coverage",
    "CoverageStatus",
    "CashDrawer",
    "CounterAccount",
    "CreditNote",
    "CreditNoteLine",
    "DayClose",
    "DrawerHandover",
    "DrawerStatus",
    "FeeKind",
    "HandoverStatus",
    "Instalment",
    "InstalmentInterval",
    "Invoice",
    "InvoiceAllocation",
    "InvoiceApproval",
    "InvoiceLine",
    "InvoiceStatus",
    "ItemStatus",
    "MoneyMovement",
    "MovementKind",
    "PayLink",
    "PaymentPlan",
    "PaymentPlanStatus",
    "Plan",
    "PlannedAllocation",
    "Receipt",
    "SafeCount",
    "SafeCountStatus",
    "Subscription",
    "SubscriptionPeriod",
    "SubscriptionStatus",
    "VisitFee",
]
