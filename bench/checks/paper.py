"""Drawing an invoice, against the bare renderer (xhtml2pdf) with the HTML that the invoice became."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench.figures import Effort, Figure, side_by_side
from bench.installation import Installation
from bench.orders import nothing_left_to_do

MOST_TIMES = 1.5
LINES = 3


def paper(installation: Installation, effort: Effort) -> list[Figure]:
    repeat = max(1, effort.requests // 20)
    with nothing_left_to_do(installation), installation.app.app_context(), _invoice(installation) as draw:
        html = _html_of(draw)
        for side in (draw, lambda: _draw_bare(html)):
            side()
        ratio, mine, other = side_by_side(
            lambda: _seconds(draw, repeat), lambda: _seconds(lambda: _draw_bare(html), repeat), effort.rounds
        )
    detail = f"{1000 * mine:.0f} ms from the rows to the PDF, bare {1000 * other:.0f} ms from the HTML"
    return [Figure("paper", "PDF of an invoice / bare renderer, same HTML", ratio, "×", "<", MOST_TIMES, detail)]


@contextmanager
def _invoice(installation: Installation) -> Iterator[Callable[[], bytes]]:
    """What draws a new invoice with the payer's QR code, from its rows."""
    from flask_babel import gettext
    from sqlalchemy import select

    from app.billing.documents.invoice import render_invoice
    from app.billing.models import Invoice
    from app.billing.papers import invoice_paper
    from app.core.i18n import written_for
    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.people.models import Patient

    with tenant_scope(installation.house.clinic_id):
        with unit_of_work():
            invoice_id = _issue(str(db.session.scalar(select(Patient.id).limit(1))))

        def draw() -> bytes:
            db.session.expire_all()
            invoice = db.session.get_one(Invoice, invoice_id)
            with written_for(invoice.patient.language):
                return render_invoice(invoice_paper(invoice, "https://bench.example/pay/0123456789abcdef"), gettext)

        yield draw
        db.session.rollback()


def _issue(patient_id: str) -> str:
    from app.billing.services import NewLine, draft_invoice, open_invoice
    from app.core.money import Money

    lines = [NewLine(f"Treatment {number}", Money(50_000, "INR")) for number in range(1, LINES + 1)]
    return str(open_invoice(draft_invoice(patient_id, lines)).id)


def _html_of(draw: Callable[[], bytes]) -> str:
    """What the product hands to the renderer for one document."""
    from app.billing.documents import invoice as drawing

    seen: list[Any] = []
    render = drawing.render_pdf

    def note(document: Any) -> bytes:
        seen.append(document)
        return render(document)

    drawing.render_pdf = note
    try:
        draw()
    finally:
        drawing.render_pdf = render
    return str(seen[0].html)


def _draw_bare(html: str) -> bytes:
    """xhtml2pdf as its manual calls it, with the product's fonts: they are registered once for the process."""
    from xhtml2pdf import pisa

    out = io.BytesIO()
    done = pisa.CreatePDF(html, dest=out)
    if done.err:
        raise RuntimeError("the bare renderer refuses the document")
    return out.getvalue()


def _seconds(draw: Callable[[], bytes], repeat: int) -> float:
    times = []
    for _number in range(repeat):
        started = time.perf_counter()
        draw()
        times.append(time.perf_counter() - started)
    return median(times)
