"""Invoices and credit notes on A4."""

from __future__ import annotations

from collections.abc import Callable

from app.billing.documents.columns import columns_of
from app.billing.documents.content import DocumentKind, InvoiceDocument, Issuer
from app.core.pdf import PdfDocument, PdfTemplates, UnusablePicture, logo_uri, qr_uri, render_pdf

Gettext = Callable[[str], str]

_templates = PdfTemplates()


def render_invoice(document: InvoiceDocument, gettext: Gettext) -> bytes:
    """The PDF, with its labels through `gettext` (of the document's language)."""
    title = " ".join(filter(None, (title_of(document.kind, gettext), document.number)))
    html = _templates.render(
        "billing/invoice_pdf.html",
        gettext,
        document=document,
        title=title_of(document.kind, gettext),
        logo=logo_of(document.issuer),
        qr=qr_uri(document.pay_url) if document.pay_url else "",
        columns=columns_of(document, gettext),
    )

    def label(page: int, pages: int) -> str:
        return f"{title}  ·  " + gettext("Page %(page)s of %(pages)s") % {"page": page, "pages": pages}

    return render_pdf(
        PdfDocument(html, title=title, author=document.issuer.name, language=document.language, page_label=label)
    )


def title_of(kind: DocumentKind, gettext: Gettext) -> str:
    titles = {
        DocumentKind.INVOICE: gettext("Invoice"),
        DocumentKind.TAX_INVOICE: gettext("Tax invoice"),
        DocumentKind.BILL_OF_SUPPLY: gettext("Bill of supply"),
        DocumentKind.CREDIT_NOTE: gettext("Credit note"),
        DocumentKind.DRAFT: gettext("Draft invoice"),
    }
    return titles[kind]


def logo_of(issuer: Issuer) -> str:
    """A logo that cannot be read is left out: a wrong picture must not hold an invoice up."""
    if issuer.logo is None:
        return ""
    try:
        return logo_uri(issuer.logo)
    except UnusablePicture:
        return ""
