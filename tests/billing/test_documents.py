from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.billing.documents import (
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
from app.billing.documents.columns import columns_of
from app.billing.documents.invoice import render_invoice
from app.billing.documents.receipt import render_receipt
from tests.pdf_reading import ReadPdf

HUGE = "₹\u00a09,99,99,99,99,99,999.99"
HINDI = {
    "Tax invoice": "कर चालान",
    "Billed to": "बिल प्राप्तकर्ता",
    "Total": "कुल",
    "Page %(page)s of %(pages)s": "पृष्ठ %(page)s / %(pages)s",
    "Receipt": "रसीद",
}


def english(text: str) -> str:
    return text


def hindi(text: str) -> str:
    return HINDI.get(text, text)


def make_logo() -> bytes:
    octets = io.BytesIO()
    Image.new("RGBA", (120, 40), (11, 110, 110, 255)).save(octets, "PNG")
    return octets.getvalue()


SUNRISE = Issuer(
    name="Sunrise Clinic",
    address=("2nd Floor, Lotus Arcade", "Pune 411001"),
    contact=("+91 20 2612 3456", "billing@sunrise.example"),
    tax_ids=(Fact("GSTIN", "27AAACS1234F1Z5"),),
    colour="#0b6e6e",
    footer="Thank you.",
)
KAVYA = Recipient("Kavya Nair", ("Prabhat Road", "Pune 411004"), (Fact("MRN", "000412"),))
CONSULTATION = DocumentLine(
    description="Consultation, Dr Rao",
    code="999312",
    quantity="1",
    unit_price="₹\u00a0800.00",
    discount="₹\u00a050.00",
    taxable="₹\u00a0750.00",
    tax_rate="18 %",
    tax="₹\u00a0135.00",
    amount="₹\u00a0885.00",
)
EXEMPT = DocumentLine(description="Blood count", quantity="1", unit_price="₹\u00a0500.00", amount="₹\u00a0500.00")


def make_invoice(**overrides) -> InvoiceDocument:
    values = {
        "kind": DocumentKind.TAX_INVOICE,
        "number": "SUN/26-27/000123",
        "issuer": SUNRISE,
        "recipient": KAVYA,
        "issued_on": "20 Nov 2026",
        "due_on": "27 Nov 2026",
        "status": "Partly paid",
        "state": State.WARN,
        "facts": (Fact("Doctor", "Dr Rao"), Fact("Place of supply", "27 Maharashtra")),
        "lines": (CONSULTATION,),
        "subtotal": "₹\u00a0750.00",
        "tax": "₹\u00a0135.00",
        "tax_rows": (
            TaxRow("CGST 9 %", "₹\u00a0750.00", "₹\u00a067.50"),
            TaxRow("SGST 9 %", "₹\u00a0750.00", "₹\u00a067.50"),
        ),
        "total": "₹\u00a0885.00",
        "amount_paid": "₹\u00a0385.00",
        "amount_due": "₹\u00a0500.00",
        "payments": (PaymentRow("20 Nov 2026", "UPI", "₹\u00a0385.00", "4322"),),
        "pay_url": "https://clinic.example/pay/AbCdEf",
        "notes": ("Subject to Pune jurisdiction.",),
    }
    return InvoiceDocument(**{**values, **overrides})


def make_receipt(**overrides) -> ReceiptDocument:
    values = {
        "issuer": SUNRISE,
        "number": "R-000871",
        "issued_at": "20 Nov 2026, 10:12",
        "recipient": KAVYA,
        "invoice_number": "SUN/26-27/000123",
        "lines": (CONSULTATION,),
        "total": "₹\u00a0885.00",
        "payments": (PaymentRow("", "Cash", "₹\u00a0500.00"), PaymentRow("", "UPI", "₹\u00a0385.00", "4322")),
        "amount_paid": "₹\u00a0885.00",
        "change": "₹\u00a0115.00",
    }
    return ReceiptDocument(**{**values, **overrides})


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def read_invoice(gettext=english, **overrides) -> ReadPdf:
    return ReadPdf(render_invoice(make_invoice(**overrides), gettext))


def read_receipt(gettext=english, **overrides) -> ReadPdf:
    return ReadPdf(render_receipt(make_receipt(**overrides), gettext))


def test_an_invoice_says_all_that_a_tax_invoice_must():
    read = read_invoice()
    text = words(read.text)
    for shown in (
        "Tax invoice", "SUN/26-27/000123", "Partly paid", "Sunrise Clinic", "2nd Floor, Lotus Arcade",
        "27AAACS1234F1Z5", "billing@sunrise.example", "Kavya Nair", "000412", "Pune 411004",
        "20 Nov 2026", "27 Nov 2026",
        "27 Maharashtra",
        "Consultation, Dr Rao", "HSN/SAC 999312", "₹ 800.00", "₹ 50.00", "₹ 750.00", "18 %", "₹ 135.00", "₹ 885.00",
        "CGST 9 %", "SGST 9 %", "₹ 67.50", "UPI 4322", "₹ 385.00", "Amount due", "₹ 500.00", "Scan to pay",
        "Subject to Pune jurisdiction.", "Thank you.", "Page 1 of 1",
    ):  # fmt: skip
        assert shown in text
    assert read.size_mm == (210.0, 297.0)
    assert read.pictures == 1
    assert read.reader.metadata.title == "Tax invoice SUN/26-27/000123"


def test_a_paid_invoice_has_no_code_to_pay():
    read = read_invoice(pay_url="", amount_due="", status="Paid", state=State.OK)
    assert "Scan to pay" not in read.text and "Amount due" not in read.text
    assert read.pictures == 0


def test_the_logo_stands_on_the_invoice_and_a_broken_one_does_not_hold_it_up():
    assert read_invoice(issuer=replace(SUNRISE, logo=make_logo()), pay_url="").pictures == 1
    assert read_invoice(issuer=replace(SUNRISE, logo=b"<svg/>"), pay_url="").pictures == 0


def test_what_nobody_needs_is_left_out():
    read = read_invoice(
        kind=DocumentKind.BILL_OF_SUPPLY, lines=(EXEMPT,), tax="", tax_rows=(), discount="", payments=(), notes=()
    )
    text = words(read.text)
    assert "Bill of supply" in text and "Blood count" in text
    for absent in ("Tax", "Discount", "HSN/SAC", "Taxable value", "Paid on"):
        assert absent not in text


def test_a_credit_note_names_what_it_corrects_and_why():
    read = read_invoice(
        kind=DocumentKind.CREDIT_NOTE,
        number="CN/26-27/000004",
        corrects="SUN/26-27/000123 of 20 Nov 2026",
        reason="Visit cancelled by the clinic",
        due_on="",
        status="",
        amount_paid="",
        amount_due="",
        payments=(),
        pay_url="",
    )
    text = words(read.text)
    for shown in (
        "Credit note",
        "CN/26-27/000004",
        "SUN/26-27/000123 of 20 Nov 2026",
        "Credited to",
        "cancelled by the",
    ):
        assert shown in text
    assert "Due date" not in text


def test_sixty_lines_run_over_pages_with_their_heads_and_numbers():
    lines = tuple(replace(CONSULTATION, description=f"Service number {number:02d}") for number in range(60))
    read = read_invoice(lines=lines)
    pages = len(read.texts)
    assert pages >= 3
    assert [f"Page {number} of {pages}" in words(text) for number, text in enumerate(read.texts, 1)] == [True] * pages
    assert all("Unit price" in text for text in read.texts if "Service number" in text)
    assert re.findall(r"Service number (\d\d)", read.text) == [f"{number:02d}" for number in range(60)]
    assert words(read.text).count("Amount due") == 1


@pytest.mark.parametrize("count", range(12, 18))
def test_totals_are_never_torn_apart(count):
    read = read_invoice(lines=(CONSULTATION,) * count)
    together = [text for text in read.texts if "Subtotal" in text]
    assert len(together) == 1 and "Amount due" in together[0] and "Scan to pay" in together[0]


def test_hindi_names_and_labels_are_shaped():
    line = replace(CONSULTATION, description="हृदय की जाँच (ईसीजी), विशेषज्ञ सहित")
    read = read_invoice(hindi, recipient=Recipient("श्रीमती कृष्णा त्रिपाठी"), lines=(line,), language="hi")
    shaped = " ".join(read.shaped)
    for shown in (
        "कर चालान",
        "बिल प्राप्तकर्ता",
        "श्रीमती कृष्णा त्रिपाठी",
        "हृदय की जाँच",
        "ईसीजी",
        "विशेषज्ञ सहित",
        "कुल",
        "पृष्ठ",
    ):
        assert shown in shaped
    assert all(0 not in drawn.glyphs for drawn in read.drawn)
    assert read.reader.trailer["/Root"]["/Lang"] == "hi"


def test_accents_and_other_scripts_are_readable():
    recipient = Recipient("Zoë Nuñez-Łukaszewicz", ("Straße 5", "Κηφισιά", "王伟 路"))
    text = words(read_invoice(recipient=recipient).text)
    for shown in ("Zoë Nuñez-Łukaszewicz", "Straße 5", "Κηφισιά", "WangWei"):
        assert shown in text


def test_the_largest_amounts_stay_whole():
    line = replace(CONSULTATION, unit_price=HUGE, discount=HUGE, taxable=HUGE, tax=HUGE, amount=HUGE)
    sums = dict.fromkeys(("subtotal", "discount", "tax", "total", "amount_paid", "amount_due"), HUGE)
    read = read_invoice(lines=(line,), tax_rows=(TaxRow("IGST 18 %", HUGE, HUGE),), **sums)
    assert len(read.texts) == 1
    assert words(read.text).count(words(HUGE)) == 5 + 6 + 2


def test_a_name_without_spaces_is_broken_to_fit():
    read = read_invoice(recipient=Recipient("x" * 200))
    parts = re.findall(r"x{3,}", read.text)
    assert len(parts) > 2 and sum(map(len, parts)) == 200


def test_markup_in_a_name_is_shown_not_obeyed():
    name = "<b>Kavya</b> &amp; <script>alert(1)</script>"
    assert name in words(read_invoice(recipient=Recipient(name)).text)
    assert name in words(read_receipt(recipient=Recipient(name)).text)


def test_the_same_invoice_is_the_same_file():
    issuer = replace(SUNRISE, logo=make_logo())
    first = render_invoice(make_invoice(issuer=issuer), english)
    render_invoice(make_invoice(recipient=Recipient("कृष्णा")), hindi)
    assert render_invoice(make_invoice(issuer=issuer), english) == first


def test_every_kind_has_a_title():
    titles = [read_invoice(kind=kind).reader.metadata.title for kind in DocumentKind]
    assert len(set(titles)) == len(DocumentKind)


amounts = st.integers(0, 10**15 - 1).map(lambda minor: f"₹\u00a0{minor / 100:,.2f}")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=5))
def test_columns_leave_room_for_the_description(rows):
    lines = tuple(replace(CONSULTATION, unit_price=price, tax=tax, amount=amount) for price, tax, amount in rows)
    columns = columns_of(make_invoice(lines=lines), english)
    assert sum(columns.widths.values()) <= 85
    assert 5 <= columns.size <= 8.5


def test_a_receipt_is_one_strip_of_80_mm_as_long_as_its_content():
    short, long = read_receipt(), read_receipt(lines=(CONSULTATION,) * 40)
    assert (short.size_mm[0], long.size_mm[0]) == (80.0, 80.0)
    assert (len(short.texts), len(long.texts)) == (1, 1)
    assert short.size_mm[1] < 120
    assert long.size_mm[1] - short.size_mm[1] == pytest.approx(39 * 8, rel=0.2)
    assert "Thank you." in long.text


def test_a_receipt_says_what_was_paid_and_how():
    text = words(read_receipt(amount_due="₹\u00a00.00", tax_rows=make_invoice().tax_rows).text)
    for shown in (
        "Sunrise Clinic", "27AAACS1234F1Z5", "Receipt R-000871", "20 Nov 2026, 10:12", "SUN/26-27/000123", "Kavya Nair",
        "000412", "Consultation, Dr Rao", "₹ 885.00", "CGST 9 %", "Cash", "₹ 500.00", "UPI", "4322", "₹ 115.00", "Paid",
        "Amount due", "₹ 0.00", "Thank you.",
    ):  # fmt: skip
        assert shown in text


def test_a_receipt_shapes_hindi_and_keeps_large_amounts_whole():
    read = read_receipt(hindi, recipient=Recipient("कृष्णा त्रिपाठी"), total=HUGE, lines=(replace(EXEMPT, amount=HUGE),))
    assert {"रसीद", "कृष्णा त्रिपाठी", "कुल"} <= set(read.shaped)
    assert words(read.text).count(words(HUGE)) == 2


def test_a_receipt_with_something_left_to_pay_has_a_code():
    assert read_receipt(pay_url="https://clinic.example/pay/AbC").pictures == 1
    assert read_receipt().pictures == 0
