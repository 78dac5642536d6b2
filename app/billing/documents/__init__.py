"""What billing hands to people on paper: invoices, credit notes, receipts. Layout only; it reads no database.

This package holds their content. `render_invoice` and `render_receipt` live in the modules `invoice` and `receipt`,
which bring the PDF engine along (40 MB): import them where a document is made, not where a process starts.
"""

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
]
