"""Drafting, opening and voiding invoices. Callers commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import InvoiceCreated, InvoiceDrafted, InvoiceUpdated
from app.billing.models import Invoice, InvoiceLine, InvoiceStatus
from app.billing.numbering import fiscal_year, numbered
from app.catalog.queries import price_of_visit
from app.catalog.tax import TaxRule, tax_line
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.series import next_number
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, find_entry, post, reverse
from app.people.queries import get_patient
from app.scheduling.models import Appointment
from app.tenancy.queries import settings_in_scope

ISSUED = "invoice"
PAYMENT_DAYS = 14


class NotDraft(Conflict):
    """An open invoice never changes; a credit note corrects it."""

    code = "INVOICE_NOT_DRAFT"


@dataclass(frozen=True)
class NewLine:
    """A line to be priced: unit price before tax; `discount` is taken off the whole line."""

    description: str
    unit_price: Money
    quantity: Decimal = Decimal(1)
    discount: Money | None = None
    tax: TaxRule | None = None
    service_id: str | None = None
    code: str = ""


def draft_invoice(patient_id: str, lines: Sequence[NewLine], **columns: Any) -> Invoice:
    """A draft in the clinic's currency. Raises NotFound for the patient, Invalid for lines that cannot be."""
    get_patient(patient_id)
    if not lines:
        raise Invalid(fields={"lines": _("An invoice needs at least one line.")})
    invoice = Invoice(id=new_id(), patient_id=patient_id, currency=settings_in_scope().currency, **columns)
    fill_lines(invoice, lines)
    db.session.add(invoice)
    db.session.flush()
    publish(InvoiceDrafted(**facts(invoice)))
    return invoice


def fill_lines(invoice: Invoice, lines: Sequence[NewLine]) -> None:
    """Replace a draft's lines and add them up. Raises NotDraft."""
    if invoice.status not in (None, InvoiceStatus.DRAFT):
        raise NotDraft(_("An open invoice cannot change; make a credit note."))
    invoice.lines = [_line(invoice, position, line) for position, line in enumerate(lines, 1)]
    invoice.subtotal_minor = sum(line.net_minor for line in invoice.lines)
    invoice.discount_minor = 0
    invoice.tax_minor = sum(line.tax_minor for line in invoice.lines)
    invoice.total_minor = invoice.subtotal_minor + invoice.tax_minor


def _line(invoice: Invoice, position: int, line: NewLine) -> InvoiceLine:
    if line.unit_price.currency != invoice.currency:
        text = _("The clinic bills in %(currency)s.", currency=invoice.currency)
        raise Invalid(fields={f"lines.{position - 1}.currency": text})
    taxed = tax_line(_net(line, position), line.tax)
    return InvoiceLine(
        position=position,
        service_id=line.service_id,
        description=line.description,
        code=line.code,
        quantity=line.quantity,
        currency=invoice.currency,
        unit_price_minor=line.unit_price.minor,
        discount_minor=line.discount.minor if line.discount else 0,
        net_minor=taxed.net.minor,
        tax_minor=taxed.tax.minor,
        tax_rate_id=line.tax.id if line.tax else None,
        tax_components=[
            {"label": item.label, "percent": str(item.percent), "minor": item.amount.minor} for item in taxed.components
        ],
    )


def _net(line: NewLine, position: int) -> Money:
    """Quantity × price − discount, rounded half up once. Raises Invalid for a discount above the line."""
    gross = line.unit_price.times(line.quantity)
    net = gross - (line.discount or Money(0, gross.currency))
    if net.minor < 0:
        raise Invalid(fields={f"lines.{position - 1}.discount": _("The discount is above the line.")})
    return net


def open_invoice(invoice: Invoice) -> Invoice:
    """Give the draft its number and book it; from now on it is immutable. Raises NotDraft."""
    if invoice.status != InvoiceStatus.DRAFT:
        raise NotDraft(_("This invoice is open already."))
    settings = settings_in_scope()
    today = clock.today(settings.zone)
    invoice.opened_at = clock.now()
    invoice.due_on = invoice.due_on or today + timedelta(days=PAYMENT_DAYS)
    # The series makes a clinic's writers wait for each other until commit: taken as late as possible.
    year = fiscal_year(today, settings.fiscal_year_starts_in)
    invoice.number = numbered(settings.invoice_prefix, year, next_number(ISSUED, year))
    invoice.become(InvoiceStatus.OPEN)
    _book(invoice)
    db.session.flush()
    publish(InvoiceCreated(**facts(invoice)))
    return invoice


def _book(invoice: Invoice) -> None:
    if not invoice.total:
        return
    lines = [
        debit(AccountCode.RECEIVABLE, invoice.total, invoice.patient_id),
        debit(AccountCode.DISCOUNT, invoice.discount),
        credit(AccountCode.REVENUE, invoice.subtotal),
        credit(AccountCode.TAX_PAYABLE, invoice.tax),
    ]
    post(ISSUED, lines, source=(Invoice.__tablename__, invoice.id), memo=invoice.number or "")


def void_invoice(invoice: Invoice, reason: str) -> Invoice:
    """Take back an open invoice that nobody paid; number and document stay. Raises WrongState, Conflict."""
    if invoice.paid_minor or invoice.credited_minor:
        raise Conflict(_("Money was received for this invoice; make a credit note."))
    invoice.become(InvoiceStatus.VOID)
    invoice.void_reason = reason
    entry = find_entry(ISSUED, (Invoice.__tablename__, invoice.id))
    if entry is not None:
        reverse(entry, reason)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return invoice


def invoice_for_visit(appointment: Appointment) -> Invoice:
    """The invoice of a visit: the one that counts already, or a draft at today's price."""
    known = find_invoice_of_visit(appointment.id)
    if known is not None:
        return known
    price = price_of_visit(appointment.doctor_id, appointment.type)
    line = NewLine(price.name, price.unit_price, tax=price.tax, service_id=price.service_id, code=price.code)
    return draft_invoice(
        appointment.patient_id,
        [line],
        appointment_id=appointment.id,
        doctor_id=appointment.doctor_id,
        location_id=appointment.location_id,
    )


def find_invoice_of_visit(appointment_id: str) -> Invoice | None:
    """The visit's invoice that is not void."""
    return db.session.scalar(
        select(Invoice).where(Invoice.appointment_id == appointment_id, Invoice.status != InvoiceStatus.VOID)
    )


def lock_invoice(invoice_id: str) -> Invoice:
    """The row, locked and fresh: money is only ever moved under this lock."""
    wanted = select(Invoice).where(Invoice.id == invoice_id).with_for_update(of=Invoice)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def facts(invoice: Invoice) -> dict[str, Any]:
    """What every event of an invoice tells."""
    return {
        "invoice_id": invoice.id,
        "patient_id": invoice.patient_id,
        "appointment_id": invoice.appointment_id,
        "number": invoice.number,
        "total_minor": invoice.total_minor,
        "currency": invoice.currency,
    }

