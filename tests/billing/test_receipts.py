"""What a receipt adds up to, in the reader's language."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from app.billing.services.checkout import collect_at_desk
from app.billing.services.files import receipt_pdf
from app.billing.services.invoices import draft_invoice, lock_invoice, open_invoice
from app.billing.services.lines import NewLine
from app.catalog.tax import TaxRule
from app.core.transaction import unit_of_work
from tests.factories.billing import rupees
from tests.factories.catalog import make_tax
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf


def printed(language: str) -> ReadPdf:
    """1.5 × 999.99 less 100, and a paisa; 10 off the whole; 12.5 % VAT on the first. Paid with 2,000."""
    vat = TaxRule(make_tax(name="VAT", kind="VAT", percent=Decimal("12.5")).id, "VAT", (("VAT", Decimal("12.5")),))
    lines = [
        NewLine("X-ray", rupees("999.99"), quantity=Decimal("1.5"), discount=rupees("100"), tax=vat),
        NewLine("Paper", rupees("0.01")),
    ]
    with unit_of_work():
        invoice = draft_invoice(make_patient(language=language).id, lines, discount=rupees("10"))
        open_invoice(invoice)
    with unit_of_work():
        taken = collect_at_desk(lock_invoice(invoice.id), "CASH", tendered=rupees("2000"))
    return ReadPdf(receipt_pdf(taken.receipt))


def test_what_stands_on_a_receipt_adds_up_from_top_to_bottom(in_clinic: Any) -> None:
    """A line is what quantity, price and its own discount make; the bill's discount and the taxes are named once."""
    text = re.sub(r"\s+", " ", printed("en").text)
    for words in (
        "1.5 × ₹ 999.99 − ₹ 100.00", "₹ 1,399.99", "₹ 0.01", "Subtotal ₹ 1,400.00", "Discount − ₹ 10.00",
        "VAT 12.5 % ₹ 173.75", "Total ₹ 1,563.75", "Change given ₹ 436.25",
    ):  # fmt: skip
        assert words in text, words


def test_the_change_is_called_so_in_hindi_too(in_clinic: Any) -> None:
    assert "लौटाई गई राशि" in printed("hi").shaped
