"""Credit notes: the only correction of an issued invoice, line by line. Callers commit.

Rounding: what a line's credit is worth follows the line's running total, so that several notes together credit exactly
its net amount and its tax. An amount for the whole invoice is shared over what is left of its lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import InvoiceUpdated
from app.billing.models import OWED, CreditNote, CreditNoteLine, Invoice, InvoiceAllocation, InvoiceStatus
from app.billing.numbering import CREDIT_NOTES, next_document_number
from app.billing.services.credit_parts import AboveInvoice, LineCredit, Part, parts_of_amount, parts_of_lines
from app.billing.services.invoices import facts, lock_invoice
from app.billing.services.settlement import lock_invoices, show_progress, take_back, unallocated
from app.billing.services.visits import lock_visit
from app.core import clock
from app.core.amounts import check_above_zero
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, post
from app.payments.models import Payment
from app.tenancy.queries import settings_in_scope

CREDITED = "credit-note"
CREDITABLE = (*OWED, InvoiceStatus.PAID)


def credit_refund(payment: Payment, refund_id: str, reason: str) -> list[CreditNote]:
    """The credit notes of a settled refund. Safe to repeat; the payment is locked.

    Money of the payment that settled no invoice goes back first; then the invoice that it settled last.
    """
    over = -unallocated(payment)
    if over.minor <= 0:
        return []
    settled = _allocations(InvoiceAllocation.payment_id == payment.id)
    lock_invoices([item.invoice_id for item in settled])
    notes = []
    for allocation in settled:
        amount = min(over, allocation.amount)
        if amount.minor > 0:
            invoice = lock_invoice(allocation.invoice_id)
            take_back(invoice, allocation, amount)
            notes.append(_credit(invoice, parts_of_amount(invoice, amount), reason, refund_id))
            over -= amount
    return notes


def credit_invoice(invoice: Invoice, amount: Money, reason: str) -> CreditNote:
    """Correct a locked invoice by `amount`, at most what is unpaid of it; tax in the invoice's own proportion.

    Raises Invalid, AboveInvoice, and Conflict for an invoice that is not open.
    """
    _check_creditable(invoice)
    check_above_zero(amount)
    if amount.minor > _unpaid(invoice).minor:
        raise AboveInvoice(_("More than what is left of the invoice: refund what was paid."))
    return _credit(invoice, parts_of_amount(invoice, amount), reason)


def credit_lines(
    invoice: Invoice, wanted: Sequence[LineCredit], reason: str, *, release_paid: bool = False
) -> CreditNote:
    """Correct lines of a locked invoice by quantity or amount.

    `release_paid`: what was paid of them becomes the patient's credit (see `lock_for_credit`). Raises AboveInvoice,
    Invalid for what is not on the invoice, Conflict for an invoice that is not open.
    """
    _check_creditable(invoice)
    parts = parts_of_lines(invoice, wanted)
    amount = Money.total((part.amount for part in parts), invoice.currency)
    if amount > _unpaid(invoice):
        if not release_paid:
            raise AboveInvoice(_("More than what is left of the invoice: refund what was paid."))
        _release(invoice, amount - _unpaid(invoice))
    return _credit(invoice, parts, reason)


def credit_rest(invoice: Invoice, reason: str) -> CreditNote | None:
    """Take back all that is left of a locked invoice (see `lock_for_credit`); what was paid is the patient's credit.

    None where nothing is left. Raises Conflict for an invoice that is not open.
    """
    _check_creditable(invoice)
    left = Money(invoice.total_minor - invoice.credited_minor, invoice.currency)
    if left.minor <= 0:
        return None
    _release(invoice, Money(invoice.paid_minor, invoice.currency))
    return _credit(invoice, parts_of_amount(invoice, left), reason)


def lock_for_credit(invoice_id: str) -> Invoice:
    """Everything that a correction of what was paid changes, in the order of all locks: payments, visit, invoice."""
    paying = select(InvoiceAllocation.payment_id).where(InvoiceAllocation.invoice_id == invoice_id)
    locking = select(Payment).where(Payment.id.in_(paying)).order_by(Payment.id).with_for_update(key_share=True)
    db.session.scalars(locking.execution_options(populate_existing=True)).all()
    appointment_id = db.session.scalar(select(Invoice.appointment_id).where(Invoice.id == invoice_id))
    if appointment_id is not None:
        lock_visit(appointment_id)
    return lock_invoice(invoice_id)


def _release(invoice: Invoice, amount: Money) -> None:
    """Take payments off the invoice, the newest first."""
    for allocation in _allocations(InvoiceAllocation.invoice_id == invoice.id):
        part = min(amount, allocation.amount)
        if part.minor > 0:
            take_back(invoice, allocation, part)
            amount -= part
    if amount:
        raise AboveInvoice(_("More than what is left of the invoice."))


def _allocations(criterion: object) -> list[InvoiceAllocation]:
    """The newest first."""
    wanted = select(InvoiceAllocation).where(criterion).order_by(InvoiceAllocation.id.desc())  # type: ignore[arg-type]
    return list(db.session.scalars(wanted))


def _check_creditable(invoice: Invoice) -> None:
    if invoice.status not in CREDITABLE:
        raise Conflict(_("Only an issued invoice can be credited."), code="INVOICE_NOT_OPEN", status=invoice.status)


def _unpaid(invoice: Invoice) -> Money:
    return Money(invoice.total_minor - invoice.paid_minor - invoice.credited_minor, invoice.currency)


def _credit(invoice: Invoice, parts: Sequence[Part], reason: str, refund_id: str | None = None) -> CreditNote:
    note = _issue(invoice, parts, reason, refund_id)
    _book(note, invoice)
    show_progress(invoice)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return note


def _issue(invoice: Invoice, parts: Sequence[Part], reason: str, refund_id: str | None) -> CreditNote:
    net, tax = (Money.total(sums, invoice.currency) for sums in zip(*((p.net, p.tax) for p in parts), strict=True))
    note = CreditNote(
        id=new_id(),
        number=next_document_number(CREDIT_NOTES, settings_in_scope().credit_note_prefix),
        invoice_id=invoice.id,
        refund_id=refund_id,
        patient_id=invoice.patient_id,
        reason=reason[:300],
        issued_at=clock.now(),
        currency=invoice.currency,
        net_minor=net.minor,
        tax_minor=tax.minor,
        total_minor=(net + tax).minor,
        lines=[_line(position, part) for position, part in enumerate(parts, 1)],
    )
    invoice.credited_minor += note.total_minor
    db.session.add(note)
    db.session.flush()
    return note


def _line(position: int, part: Part) -> CreditNoteLine:
    return CreditNoteLine(
        id=new_id(),
        invoice_line_id=part.line.id,
        position=position,
        quantity=part.quantity,
        currency=part.net.currency,
        net_minor=part.net.minor,
        tax_minor=part.tax.minor,
        tax_components=part.components,
    )


def _book(note: CreditNote, invoice: Invoice) -> None:
    lines = [
        debit(AccountCode.REVENUE, note.net),
        debit(AccountCode.TAX_PAYABLE, note.tax),
        credit(AccountCode.RECEIVABLE, note.total, invoice.patient_id),
    ]
    post(CREDITED, lines, source=(CreditNote.__tablename__, note.id), memo=note.number)
