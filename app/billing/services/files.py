"""The stored document of an invoice: made once per state, found again afterwards.

The PDF engine is imported where a document is drawn: it weighs 40 MB, which a process that draws none does not need.
"""

from __future__ import annotations

from hashlib import sha256

from flask_babel import gettext as _

from app.billing.models import OWED, CreditNote, Invoice, Receipt
from app.billing.papers import credit_note_paper, invoice_paper, receipt_paper
from app.billing.services.invoices import lock_invoice
from app.billing.services.pay_links import make_pay_link
from app.core.files import StoredFile, store_file
from app.core.i18n import written_for
from app.core.tenant import db
from app.people.models import Patient

INVOICE_PDF = "invoice-pdf"
PDF = "application/pdf"


def ensure_pdf(invoice_id: str) -> StoredFile:
    """The PDF of the invoice as it stands now: the one that is stored, or a new one.

    Drawn before the lock is taken; if the invoice changed meanwhile, drawn once more under it.
    """
    invoice = db.session.get_one(Invoice, invoice_id, populate_existing=True)
    drawn_state, drawn = state_of(invoice), b""
    if invoice.pdf_state != drawn_state:
        drawn = _draw(invoice)
    invoice = lock_invoice(invoice_id)
    state = state_of(invoice)
    if invoice.pdf_state != state:
        content = drawn if drawn and drawn_state == state else _draw(invoice)
        stored = store_file(INVOICE_PDF, invoice.id, file_name(invoice), PDF, content)
        invoice.pdf_file_id, invoice.pdf_state = stored.id, state
        db.session.flush()
    assert invoice.pdf_file_id is not None
    return db.session.get_one(StoredFile, invoice.pdf_file_id)


def state_of(invoice: Invoice) -> str:
    """What a document shows that can change: status and sums, and the lines as long as it is a draft."""
    lines = "|".join(
        f"{line.description}:{line.quantity}:{line.discount_minor}:{line.net_minor}:{line.share_minor}:{line.tax_minor}"
        for line in invoice.lines
    )
    content = sha256(f"{lines}|{invoice.total_minor}|{invoice.due_on}|{invoice.notes}".encode()).hexdigest()[:12]
    return f"{invoice.status}:{invoice.paid_minor}:{invoice.credited_minor}:{content}"


def file_name(invoice: Invoice) -> str:
    """'INV-26-27-000123.pdf'."""
    return f"{(invoice.number or f'draft-{invoice.id[-12:]}').replace('/', '-')}.pdf"


def _draw(invoice: Invoice) -> bytes:
    from app.billing.documents.invoice import render_invoice

    pay_url = make_pay_link(invoice, printed=True)[1] if invoice.status in OWED and invoice.amount_due else ""
    with written_for(invoice.patient.language):
        return render_invoice(invoice_paper(invoice, pay_url), _)


def credit_note_pdf(note: CreditNote) -> bytes:
    """Drawn when it is asked for: it never changes."""
    from app.billing.documents.invoice import render_invoice

    with written_for(note.patient.language):
        return render_invoice(credit_note_paper(note), _)


def receipt_pdf(receipt: Receipt) -> bytes:
    """80 mm wide, as long as it needs."""
    from app.billing.documents.receipt import render_receipt

    with written_for(db.session.get_one(Patient, receipt.patient_id).language):
        return render_receipt(receipt_paper(receipt), _)
