"""Drafting, opening and voiding invoices. Callers commit.

Locks are taken in one order everywhere: payment, visit, invoice, number series.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import InvoiceCreated, InvoiceDrafted, InvoicePaid, InvoiceUpdated
from app.billing.models import Invoice, InvoiceStatus
from app.billing.numbering import INVOICES, next_document_numbers
from app.billing.services.discounts import check_discount_stands
from app.billing.services.lines import NewLine, write_lines
from app.billing.services.plan_progress import follow_invoice
from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish, publish_all
from app.ledger.accounts import AccountCode
from app.ledger.services import Posting, credit, debit, find_entry, post_all, reverse
from app.people.queries import get_patient
from app.tenancy.queries import settings_in_scope

ISSUED = "invoice"


class NotDraft(Conflict):
    """An open invoice never changes; a credit note corrects it."""

    code = "INVOICE_NOT_DRAFT"


def draft_invoice(
    patient_id: str, lines: Sequence[NewLine], *, discount: Money | None = None, **columns: Any
) -> Invoice:
    """A draft in the clinic's currency. Raises NotFound for the patient, Invalid for lines that cannot be."""
    invoice = new_draft(get_patient(patient_id).id, lines, discount=discount, **columns)
    db.session.add(invoice)
    db.session.flush()
    publish(InvoiceDrafted(**facts(invoice)))
    return invoice


def new_draft(patient_id: str, lines: Sequence[NewLine], *, discount: Money | None = None, **columns: Any) -> Invoice:
    """A priced draft that is in no session yet. Raises Invalid."""
    invoice = Invoice(
        id=new_id(),
        patient_id=patient_id,
        status=InvoiceStatus.DRAFT,
        currency=settings_in_scope().currency,
        paid_minor=0,
        credited_minor=0,
        **columns,
    )
    write_lines(invoice, lines, discount)
    return invoice


def change_draft(
    invoice: Invoice, lines: Sequence[NewLine], *, discount: Money | None = None, **columns: Any
) -> Invoice:
    """Write a locked draft anew. Raises NotDraft, Invalid."""
    check_draft(invoice)
    for name, value in columns.items():
        setattr(invoice, name, value)
    write_lines(invoice, lines, discount)
    db.session.flush()
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return invoice


def check_draft(invoice: Invoice) -> None:
    if invoice.status != InvoiceStatus.DRAFT:
        raise NotDraft(_("An open invoice cannot change; make a credit note."), status=invoice.status)


def open_invoice(invoice: Invoice) -> Invoice:
    """Give a locked draft its number and book it; from now on it is immutable. Raises NotDraft, DiscountUndecided."""
    check_draft(invoice)
    check_discount_stands(invoice)
    open_invoices([invoice])
    return invoice


def open_invoices(invoices: Sequence[Invoice], *, drafted: Sequence[Invoice] = ()) -> None:
    """Number and book many locked or new drafts whose discounts stand; `drafted` are the new ones among them.

    The series makes a clinic's writers wait for each other until commit: it is taken once, and late.
    """
    settings = settings_in_scope()
    numbers = next_document_numbers(INVOICES, settings.invoice_prefix, len(invoices))
    for invoice, number in zip(invoices, numbers, strict=True):
        invoice.opened_at = clock.now()
        invoice.due_on = invoice.due_on or clock.today(settings.zone) + timedelta(days=settings.payment_days)
        invoice.number = number
        invoice.become(InvoiceStatus.OPEN)
    db.session.add_all(drafted)
    db.session.flush()
    post_all([_posting(invoice) for invoice in invoices if invoice.subtotal])
    publish_all([InvoiceDrafted(**facts(invoice)) for invoice in drafted])
    publish_all([InvoiceCreated(**facts(invoice)) for invoice in invoices])
    for invoice in invoices:
        if not invoice.total:
            invoice.become(InvoiceStatus.PAID)
            publish(InvoicePaid(**facts(invoice)))


def _posting(invoice: Invoice) -> Posting:
    """The discount is booked against the revenue, so that reports show both. Nothing is booked of nothing."""
    lines = [
        debit(AccountCode.RECEIVABLE, invoice.total, invoice.patient_id),
        debit(AccountCode.DISCOUNT, invoice.discount),
        credit(AccountCode.REVENUE, invoice.subtotal),
        credit(AccountCode.TAX_PAYABLE, invoice.tax),
    ]
    return Posting(ISSUED, lines, (Invoice.__tablename__, invoice.id), invoice.number or "")


def void_invoice(invoice: Invoice, reason: str) -> Invoice:
    """Take back a locked invoice that nobody paid; its number and document stay. Raises WrongState, Conflict."""
    if invoice.paid_minor or invoice.credited_minor:
        raise Conflict(_("Money was received for this invoice; refund it or make a credit note."), code="INVOICE_PAID")
    invoice.become(InvoiceStatus.VOID)
    invoice.void_reason = reason[:300]
    entry = find_entry(ISSUED, (Invoice.__tablename__, invoice.id))
    if entry is not None:
        reverse(entry, reason)
    db.session.flush()
    follow_invoice(invoice)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return invoice


def lock_invoice(invoice_id: str) -> Invoice:
    """The row, locked and fresh: money is only ever moved under this lock."""
    wanted = select(Invoice).where(Invoice.id == invoice_id).with_for_update(of=Invoice, key_share=True)
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
