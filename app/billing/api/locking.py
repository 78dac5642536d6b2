"""An invoice that the person may see, with what a change of it locks."""

from __future__ import annotations

from app.billing.models import Invoice
from app.billing.queries import get_invoice
from app.billing.services import lock_invoice, lock_visit


def locked_invoice(invoice_id: str) -> Invoice:
    """Locked after its visit. Raises NotFound."""
    invoice = get_invoice(invoice_id)
    if invoice.appointment_id is not None:
        lock_visit(invoice.appointment_id)
    return lock_invoice(invoice.id)
