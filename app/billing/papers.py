"""What stands on invoices, credit notes and receipts: rows become texts, in the language of whoever they are for.

Call these inside `written_for(patient.language)`; app/billing/documents lays the texts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date, format_datetime
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _
from sqlalchemy import select

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
from app.billing.models import (
    OWED,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceAllocation,
    InvoiceLine,
    InvoiceStatus,
    Receipt,
)
from app.billing.services.receipts import parts_of
from app.billing.services.settlement import planned_allocations
from app.core.formatting import money, number
from app.core.i18n import current_language
from app.core.money import Money
from app.core.tenant import db
from app.core.vocabulary import MUTE, kind_name, label_of, tone_of
from app.payments.models import Payment, Refund
from app.people.models import Doctor, Patient
from app.scheduling.models import Appointment
from app.tenancy.queries import clinic_in_scope

INDIA = "INR"


def invoice_paper(invoice: Invoice, pay_url: str = "") -> InvoiceDocument:
    """The invoice as it stands now. `pay_url` becomes a QR code."""
    due = invoice.amount_due
    return InvoiceDocument(
        kind=_kind(invoice),
        issuer=issuer(),
        recipient=_recipient(invoice.patient),
        issued_on=day_text(invoice.opened_at or invoice.created_at),
        lines=_lines(invoice.lines),
        subtotal=money(invoice.subtotal),
        total=money(invoice.total),
        number=invoice.number or "",
        due_on=day_text(invoice.due_on) if invoice.due_on and due else "",
        status=label_of(invoice.status),
        state=_state(invoice.status),
        facts=_visit_facts(invoice),
        discount=_unless_zero(invoice.discount),
        tax=_unless_zero(invoice.tax),
        tax_rows=_tax_rows(invoice),
        credited=_unless_zero(invoice.credited),
        amount_paid=_unless_zero(invoice.amount_paid),
        amount_due=money(due) if due and invoice.status in OWED else "",
        payments=_payments(invoice),
        pay_url=pay_url,
        reason=invoice.void_reason if invoice.status == InvoiceStatus.VOID else "",
        notes=tuple(invoice.notes.splitlines()),
        language=current_language(),
    )


def credit_note_paper(note: CreditNote) -> InvoiceDocument:
    """A credit note, with what it takes off each line."""
    return InvoiceDocument(
        kind=DocumentKind.CREDIT_NOTE,
        issuer=issuer(),
        recipient=_recipient(note.patient),
        issued_on=day_text(note.issued_at),
        lines=tuple(_credited_line(line, bool(note.tax)) for line in note.lines),
        subtotal=money(note.net),
        total=money(note.total),
        number=note.number,
        tax=_unless_zero(note.tax),
        tax_rows=_rows_of_tax([(line.net.minor, line.tax_components) for line in note.lines], note.currency),
        corrects=note.invoice.number or "",
        reason=note.reason,
        language=current_language(),
    )


def _credited_line(credited: CreditNoteLine, taxed: bool) -> DocumentLine:
    """Pieces of a line, or only a part of its amount."""
    return DocumentLine(
        description=credited.line.description,
        quantity=number(credited.quantity.normalize()) if credited.quantity else "",
        unit_price="",
        amount=money(credited.amount),
        code=credited.line.hsn,
        taxable=money(credited.net) if taxed else "",
        tax_rate=_rate_words(credited.tax_components),
        tax=money(credited.tax) if taxed else "",
    )


def receipt_paper(receipt: Receipt) -> ReceiptDocument:
    """The receipt of a payment, with what it paid for."""
    payment: Payment = receipt.payment
    parts = parts_of(receipt)
    returned = [refund for part in parts for refund in part.refunds if refund.came_back]
    gone = Money.total((refund.amount for refund in returned), payment.currency)
    paid = Money.total((part.captured for part in parts), payment.currency)
    invoice = db.session.get(Invoice, payment.invoice_id) if payment.invoice_id else None
    return ReceiptDocument(
        issuer=issuer(),
        number=receipt.number,
        issued_at=moment_text(receipt.issued_at),
        recipient=_recipient(db.session.get_one(Patient, receipt.patient_id)),
        lines=_receipt_lines(invoice, payment),
        total=money(invoice.total if invoice else paid),
        payments=(*map(_tender_row, parts), *map(_returned_row, returned)),
        invoice_number=(invoice.number or "") if invoice else "",
        facts=_visit_facts(invoice) if invoice else (),
        subtotal=money(invoice.subtotal) if invoice and invoice.subtotal != invoice.total else "",
        discount=_unless_zero(invoice.discount) if invoice else "",
        tax_rows=_tax_rows(invoice) if invoice else (),
        amount_paid=money(paid - gone),
        change=_unless_zero(Money.total((part.change for part in parts), payment.currency)),
        amount_due=_unless_zero(invoice.amount_due) if invoice and invoice.status in OWED else "",
        language=current_language(),
    )


def _receipt_lines(invoice: Invoice | None, payment: Payment) -> tuple[DocumentLine, ...]:
    """What an invoice sold; the invoices that a payment over several was for, and what it left as credit."""
    if invoice is not None:
        return tuple(_line_before_tax(line) for line in invoice.lines)
    parts = planned_allocations(payment)
    lines = [_sum_line(_invoice_words(part.invoice_id), part.amount) for part in parts]
    rest = payment.captured - Money.total((part.amount for part in parts), payment.currency)
    if rest.minor > 0:
        lines.append(_sum_line(_("Credit") if parts else _("Deposit"), rest))
    return tuple(lines)


def _sum_line(words: str, amount: Money) -> DocumentLine:
    return DocumentLine(words, "", "", money(amount))


def _invoice_words(invoice_id: str) -> str:
    number = db.session.scalar(select(Invoice.number).where(Invoice.id == invoice_id))
    return _("Invoice %(number)s", number=number or "–")


def issuer() -> Issuer:
    """The clinic in scope as its documents name it."""
    clinic = clinic_in_scope()
    settings = clinic.settings
    tax_label = "GSTIN" if settings.currency == INDIA else _("Tax number")
    return Issuer(
        name=clinic.name,
        address=tuple(line.strip() for line in settings.address.splitlines() if line.strip()),
        contact=tuple(filter(None, (settings.phone, settings.email))),
        tax_ids=(Fact(tax_label, settings.tax_number),) if settings.tax_number else (),
        colour=settings.brand_colour,
        logo=bytes(clinic.logo) if clinic.logo else None,
    )


def day_text(value: date | datetime) -> str:
    """'20 Nov 2026' by the clinic's calendar."""
    on = value.astimezone(get_timezone()).date() if isinstance(value, datetime) else value
    return format_date(on, "d MMM yyyy", locale=get_locale())


def moment_text(value: datetime) -> str:
    """'20 Nov 2026, 09:30' by the clinic's clock."""
    return format_datetime(value.astimezone(get_timezone()), "d MMM yyyy, HH:mm", locale=get_locale())


def _kind(invoice: Invoice) -> DocumentKind:
    """CGST Act 2017, s. 31: a tax invoice where tax is charged, else a registered supplier's bill of supply."""
    if invoice.status == InvoiceStatus.DRAFT:
        return DocumentKind.DRAFT
    if invoice.tax:
        return DocumentKind.TAX_INVOICE
    registered = invoice.currency == INDIA and clinic_in_scope().settings.tax_number
    return DocumentKind.BILL_OF_SUPPLY if registered else DocumentKind.INVOICE


def _state(status: str) -> State:
    tone = tone_of(status)
    return State.INFO if tone == MUTE else State(tone)


def _recipient(patient: Any) -> Recipient:
    town = " ".join(filter(None, (patient.postal_code, patient.city)))
    lines = [*patient.address.splitlines(), ", ".join(filter(None, (town, patient.state)))]
    address = tuple(line.strip() for line in lines if line.strip())
    return Recipient(patient.name, address, (Fact(_("Record number"), patient.mrn),))


def _visit_facts(invoice: Invoice) -> tuple[Fact, ...]:
    """With whom and when; never why."""
    facts = []
    doctor = db.session.get(Doctor, invoice.doctor_id) if invoice.doctor_id else None
    if doctor is not None:
        facts.append(Fact(_("Doctor"), doctor.name))
    visit = db.session.get(Appointment, invoice.appointment_id) if invoice.appointment_id else None
    if visit is not None:
        facts.append(Fact(_("Visit"), moment_text(visit.starts_at)))
    return tuple(facts)


def _lines(lines: Sequence[InvoiceLine]) -> tuple[DocumentLine, ...]:
    taxed = any(line.tax_minor or line.share_minor for line in lines)
    return tuple(_line(line, taxed) for line in lines)


def _line(line: InvoiceLine, taxed: bool) -> DocumentLine:
    return DocumentLine(
        description=line.description,
        quantity=number(line.quantity.normalize()),
        unit_price=money(line.unit_price),
        amount=money(line.amount),
        code=line.hsn,
        discount=_unless_zero(line.discount),
        taxable=money(line.taxable) if taxed else "",
        tax_rate=_rate_words(line.tax_components),
        tax=money(line.tax) if taxed else "",
    )


def _line_before_tax(line: InvoiceLine) -> DocumentLine:
    """As a till prints it: what stands beside quantity, price and discount is their result; the taxes come below."""
    return replace(_line(line, taxed=False), amount=money(line.net), tax="")


def _tax_rows(invoice: Invoice) -> tuple[TaxRow, ...]:
    return _rows_of_tax([(line.taxable.minor, line.tax_components) for line in invoice.lines], invoice.currency)


def _rows_of_tax(lines: Iterable[tuple[int, list[dict[str, Any]]]], currency: str) -> tuple[TaxRow, ...]:
    """Each component over all lines, in the order in which they first occur."""
    sums: dict[tuple[str, str], list[int]] = {}
    for taxable, components in lines:
        for item in components:
            row = sums.setdefault((item["label"], item["percent"]), [0, 0])
            row[0] += taxable
            row[1] += item["minor"]
    return tuple(
        TaxRow(f"{label} {number(Decimal(percent))} %", money(Money(on, currency)), money(Money(tax, currency)))
        for (label, percent), (on, tax) in sums.items()
    )


def _rate_words(components: list[dict[str, Any]]) -> str:
    rate = sum((Decimal(item["percent"]) for item in components), Decimal(0))
    return f"{number(rate)} %" if rate else ""


def _payments(invoice: Invoice) -> tuple[PaymentRow, ...]:
    wanted = (
        select(InvoiceAllocation, Payment)
        .join(Payment, Payment.id == InvoiceAllocation.payment_id)
        .where(InvoiceAllocation.invoice_id == invoice.id)
        .order_by(InvoiceAllocation.id)
    )
    rows: Iterable[Any] = db.session.execute(wanted)
    return tuple(_payment_row(payment, allocation.amount) for allocation, payment in rows if allocation.amount)


def _payment_row(payment: Payment, amount: Money) -> PaymentRow:
    paid_at = payment.completed_at or payment.created_at
    method = str(kind_name((payment.method or payment.provider).upper()))
    return PaymentRow(day_text(paid_at), method, money(amount), payment.reference)


def _tender_row(payment: Payment) -> PaymentRow:
    """A part of what was paid; for cash what was handed over, of which the change went back."""
    row = _payment_row(payment, payment.captured)
    if not payment.change:
        return row
    return replace(row, amount=money(payment.captured + payment.change))


def _unless_zero(amount: Money) -> str:
    return money(amount) if amount else ""


def _returned_row(refund: Refund) -> PaymentRow:
    """A cheque that the bank gave back since."""
    on = day_text(refund.settled_at or refund.created_at)
    return PaymentRow(on, _("Came back unpaid"), f"− {money(refund.amount)}", on)
