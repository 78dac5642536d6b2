"""Invoices, their lines and what settles them; credit notes, receipts, pay links."""

from app.billing.models.immutable import DATABASE_RULES
from app.billing.models.invoice import OWED, PAYABLE, Invoice, InvoiceLine, InvoiceStatus
from app.billing.models.pay_link import PayLink
from app.billing.models.settlement import CreditNote, InvoiceAllocation, Receipt

__all__ = [
    "DATABASE_RULES",
    "OWED",
    "PAYABLE",
    "CreditNote",
    "Invoice",
    "InvoiceAllocation",
    "InvoiceLine",
    "InvoiceStatus",
    "PayLink",
    "Receipt",
]
