"""Credit notes: the only correction of an issued invoice. Callers commit."""

from __future__ import annotations

from flask_babel import gettext as _

from app.billing.events import InvoiceUpdated
from app.billing.models import OWED, CreditNote, Invoice, InvoiceAllocation, InvoiceStatus
from app.billing.numbering import CREDIT_NOTES, next_document_number
from app.billing.services.invoices import facts, lock_invoice
from app.billing.services.settlement import allocation_of, show_progress, unallocated
from app.core import clock
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
UNAPPLIED = "payment-unapplied"


class AboveInvoice(Conflict):
    """More than the invoice is worth cannot be credited."""

    code = "ABOVE_INVOICE"


def credit_refund(payment: Payment, refund_id: str, reason: str) -> CreditNote | None:
    """The credit note of a settled refund. Safe to repeat; the payment is locked.

    Money of the payment that settled no invoice goes back first; None when that was all.
    """
    over = -unallocated(payment)
    if over.minor <= 0 or payment.invoice_id is None:
        return None
    invoice = lock_invoice(payment.invoice_id)
    allocation = allocation_of(invoice, payment)
    amount = min(over, allocation.amount)
    if amount.minor <= 0:
        return None
    _take_back(invoice, allocation, amount)
    return credit_invoice(invoice, amount, reason, refund_id=refund_id)


def _take_back(invoice: Invoice, allocation: InvoiceAllocation, amount: Money) -> None:
    """The money settles the invoice no more: it is the patient's credit, out of which the refund is paid."""
    allocation.returned_minor += amount.minor
    invoice.paid_minor -= amount.minor
    db.session.flush()
    lines = [
        debit(AccountCode.RECEIVABLE, amount, invoice.patient_id),
        credit(AccountCode.PATIENT_CREDIT, amount, invoice.patient_id),
    ]
    source = (InvoiceAllocation.__tablename__, allocation.id)
    post(UNAPPLIED, lines, source=source, source_key=str(allocation.returned_minor), memo=invoice.number or "")


def credit_invoice(invoice: Invoice, amount: Money, reason: str, *, refund_id: str | None = None) -> CreditNote:
    """Correct a locked invoice by `amount`, at most what is unpaid of it; tax in the invoice's own proportion.

    Raises AboveInvoice, and Conflict for an invoice that is not open.
    """
    if invoice.status not in (*OWED, InvoiceStatus.PAID):
        raise Conflict(_("Only an issued invoice can be credited."), code="INVOICE_NOT_OPEN", status=invoice.status)
    if not 0 < amount.minor <= invoice.total_minor - invoice.paid_minor - invoice.credited_minor:
        raise AboveInvoice(_("More than what is left of the invoice: refund what was paid."))
    note = _issue(invoice, amount, reason, refund_id)
    _book(note, invoice)
    show_progress(invoice)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return note


def _issue(invoice: Invoice, amount: Money, reason: str, refund_id: str | None) -> CreditNote:
    tax = _share_of_tax(invoice, amount)
    note = CreditNote(
        id=new_id(),
        number=next_document_number(CREDIT_NOTES, settings_in_scope().credit_note_prefix),
        invoice_id=invoice.id,
        refund_id=refund_id,
        patient_id=invoice.patient_id,
        reason=reason[:300],
        issued_at=clock.now(),
        currency=invoice.currency,
        net_minor=amount.minor - tax.minor,
        tax_minor=tax.minor,
        total_minor=amount.minor,
    )
    invoice.credited_minor += amount.minor
    db.session.add(note)
    db.session.flush()
    return note


def _book(note: CreditNote, invoice: Invoice) -> None:
    lines = [
        debit(AccountCode.REVENUE, note.net),
        debit(AccountCode.TAX_PAYABLE, note.tax),
        credit(AccountCode.RECEIVABLE, note.total, invoice.patient_id),
    ]
    post(CREDITED, lines, source=(CreditNote.__tablename__, note.id), memo=note.number)


def _share_of_tax(invoice: Invoice, amount: Money) -> Money:
    """Tax by the running total, so that several partial notes together credit exactly the invoice's tax."""

    def tax_up_to(total: int) -> int:
        return (invoice.tax_minor * total * 2 + invoice.total_minor) // (invoice.total_minor * 2)

    before = invoice.credited_minor
    return Money(tax_up_to(before + amount.minor) - tax_up_to(before), invoice.currency)
