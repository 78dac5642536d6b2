"""The close of a day on A4. Amounts and dates are texts, formatted for the reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.billing.documents.content import Issuer

Gettext = Callable[[str], str]


@dataclass(frozen=True)
class TotalRow:
    """One tender: what came and went, and the net by payments and drawers, and by the ledger."""

    name: str
    taken: str
    given_back: str
    net: str
    ledger_net: str


@dataclass(frozen=True)
class DrawerRow:
    """One drawer from its float to its count; `note` says why it differed and who approved."""

    holder: str
    opening: str
    taken: str
    given_back: str
    paid_in: str
    paid_out: str
    expected: str
    counted: str
    difference: str
    note: str = ""


@dataclass(frozen=True)
class DayCloseDocument:
    """`entries` is the range of the journal's numbers, `safe` what the ledger says was in it at the day's end."""

    issuer: Issuer
    number: str
    day: str
    closed_at: str
    closed_by: str
    entries: str
    safe: str
    total: str
    totals: tuple[TotalRow, ...]
    drawers: tuple[DrawerRow, ...]
    language: str = "en"


def render_day_close(document: DayCloseDocument, gettext: Gettext) -> bytes:
    """The PDF, with its labels through `gettext`."""
    from app.billing.documents.invoice import logo_of
    from app.core.pdf import PdfDocument, PdfTemplates, render_pdf

    logo = logo_of(document.issuer)
    html = PdfTemplates().render("billing/day_close_pdf.html", gettext, document=document, logo=logo)
    title = f"{gettext('Day close')} {document.number}"

    def label(page: int, pages: int) -> str:
        return f"{title}  ·  " + gettext("Page %(page)s of %(pages)s") % {"page": page, "pages": pages}

    return render_pdf(
        PdfDocument(html, title=title, author=document.issuer.name, language=document.language, page_label=label)
    )
