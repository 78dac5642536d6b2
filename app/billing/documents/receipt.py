"""Receipts on the 80 mm paper of thermal printers, as long as their content."""

from __future__ import annotations

from collections.abc import Callable

from app.billing.documents.content import ReceiptDocument
from app.billing.documents.invoice import logo_of
from app.core.pdf import PdfDocument, PdfTemplates, measured_height, qr_uri, render_pdf

LONGEST_MM = 5000.0  # the PDF format allows 5,080 mm
BOTTOM_MARGIN_MM = 4.0

_templates = PdfTemplates()


def render_receipt(document: ReceiptDocument, gettext: Callable[[str], str]) -> bytes:
    """The PDF: one page, laid out twice, first to learn its length."""
    logo = logo_of(document.issuer)
    qr = qr_uri(document.pay_url) if document.pay_url else ""

    def html(height: float) -> str:
        return _templates.render(
            "billing/receipt_pdf.html", gettext, document=document, logo=logo, qr=qr, height=f"{height:.2f}mm"
        )

    height = measured_height(html(LONGEST_MM)) + BOTTOM_MARGIN_MM
    title = f"{gettext('Receipt')} {document.number}"
    return render_pdf(PdfDocument(html(height), title=title, author=document.issuer.name, language=document.language))
