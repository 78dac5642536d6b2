"""What billing hands to people on paper: invoices, credit notes, receipts. Layout only; it reads no database."""

from __future__ import annotations

from app.billing.documents.content import (
    DocumentKind,
    DocumentLine,
    Fact,
    InvoiceDocument,
    Issuer,
    PaymentRow,
    ReceiptDocument,
    Recipient,
    State,
    TaxRow,
)
from app.billing.documents.invoice import render_invoice
from app.billing.documents.receipt import render_receipt

__all__ = [
    "DocumentKind",
    "DocumentLine",
    "Fact",
    "InvoiceDocument",
    "Issuer",
    "PaymentRow",
    "ReceiptDocument",
    "Recipient",
    "State",
    "TaxRow",
    "render_invoice",
    "render_receipt",
]
