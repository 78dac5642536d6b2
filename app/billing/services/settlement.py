"""What a payment does to an invoice and to the visit behind it, inside the payment's own transaction."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import AppointmentBooked, InvoicePaid, InvoiceUpdated, LatePayment
from app.billing.models import CreditNote, Invoice, InvoiceAllocation, InvoiceStatus
from app.billing.numbering import fiscal_year, numbered
from app.billing.services.invoices import facts, lock_invoice, open_invoice
from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.money import Money
from app.core.series import next_number
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, post
from app.scheduling.models import AppointmentStatus, CancelReason
from app.scheduling.queries import lock_appointment
from app.scheduling.services import confirm_appointment, retake_slot
from app.tenancy.queries import settings_in_scope

APPLIED = "payment-applied"
UNAPPLIED = "payment-unapplied"
CREDITED = "credit-note"


class AboveInvoice(Conflict):
    """More than the invoice is worth cannot be credited."""

    code = "ABOVE_INVOICE"


def settle_invoice(invoice_id: str, payment_id: str, captured: Money) -> Invoice:
    """Use a payment for an invoice: what is due is paid, the rest stays the patient's credit. Safe to repeat."""
    invoice = lock_invoice(invoice_id)
    if invoice.status == InvoiceStatus.DRAFT:
        open_invoice(invoice)
    allocation = _allocation(invoice, payment_id)
    wanted = min(captured.minor, allocation.amount_minor + invoice.amount_due.minor)
    added = Money(wanted - allocation.amount_minor, invoice.currency)
    if added.minor > 0:
        _apply(invoice, allocation, added)
    return invoice


def _allocation(invoice: Invoice, payment_id: str) -> InvoiceAllocation:
    known = db.session.scalar(
        select(InvoiceAllocation).where(
            InvoiceAllocation.invoice_id == invoice.id, InvoiceAllocation.payment_id == payment_id
        )
    )
    if known is None:
        known = InvoiceAllocation(
            id=new_id(), invoice_id=invoice.id, payment_id=payment_id, currency=invoice.currency, amount_minor=0
        )
        db.session.add(known)
    return known


def _apply(invoice: Invoice, allocation: InvoiceAllocation, added: Money) -> None:
    allocation.amount_minor += added.minor
    invoice.paid_minor += added.minor
    post(
        APPLIED,
        [
            debit(AccountCode.PATIENT_CREDIT, added, invoice.patient_id),
            credit(AccountCode.RECEIVABLE, added, invoice.patient_id),
        ],
        source=(Invoice.__tablename__, invoice.id),
        source_key=f"{allocation.payment_id}:{allocation.amount_minor}",
        memo=invoice.number or "",
    )
    _show_progress(invoice)


def _show_progress(invoice: Invoice) -> None:
    whole = invoice.paid_minor + invoice.credited_minor >= invoice.total_minor
    wanted = InvoiceStatus.PAID if whole else InvoiceStatus.PARTIALLY_PAID
    if invoice.status != wanted:
        invoice.become(wanted)
    if wanted == InvoiceStatus.PAID:
        publish(InvoicePaid(**facts(invoice)))
    else:
        publish(InvoiceUpdated(**facts(invoice), status=invoice.status))


def confirm_paid_visit(invoice: Invoice, payment_id: str) -> None:
    """A completed payment confirms its SCHEDULED visit once; for a released visit the slot is taken again if it is free."""
    if invoice.appointment_id is None or invoice.status != InvoiceStatus.PAID:
        return
    appointment = lock_appointment(invoice.appointment_id)
    about = {"appointment_id": appointment.id, "invoice_id": invoice.id, "payment_id": payment_id}
    released = appointment.status == AppointmentStatus.CANCELLED and appointment.cancelled_reason == CancelReason.UNPAID
    if released:
        retake_slot(appointment)
    elif appointment.status == AppointmentStatus.SCHEDULED:
        confirm_appointment(appointment)
    lost = appointment.status in (AppointmentStatus.CANCELLED, AppointmentStatus.DECLINED)
    publish(LatePayment(**about) if lost else AppointmentBooked(**about))


def credit_refund(invoice_id: str, payment_id: str, refund_id: str, amount: Money, reason: str) -> CreditNote:
    """The credit note of a settled refund, and the payment taken off the invoice by as much. Safe to repeat."""
    known = db.session.scalar(select(CreditNote).where(CreditNote.refund_id == refund_id))
    if known is not None:
        return known
    invoice = lock_invoice(invoice_id)
    allocation = _allocation(invoice, payment_id)
    amount = Money(min(amount.minor, allocation.amount_minor), amount.currency)
    note = issue_credit_note(invoice, amount, reason, refund_id=refund_id)
    allocation.amount_minor -= amount.minor
    invoice.paid_minor -= amount.minor
    post(
        UNAPPLIED,
        [
            debit(AccountCode.RECEIVABLE, amount, invoice.patient_id),
            credit(AccountCode.PATIENT_CREDIT, amount, invoice.patient_id),
        ],
        source=(CreditNote.__tablename__, note.id),
        memo=note.number,
    )
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return note


def issue_credit_note(invoice: Invoice, amount: Money, reason: str, *, refund_id: str | None = None) -> CreditNote:
    """Correct an open invoice by `amount`, tax included in the invoice's own proportion. Raises AboveInvoice."""
    if not 0 < amount.minor <= invoice.total_minor - invoice.credited_minor:
        raise AboveInvoice(_("The credit note would be above what is left of the invoice."))
    tax = _share_of_tax(invoice, amount)
    settings = settings_in_scope()
    year = fiscal_year(clock.today(settings.zone), settings.fiscal_year_starts_in)
    note = CreditNote(
        id=new_id(),
        number=numbered(settings.credit_note_prefix, year, next_number(CREDITED, year)),
        invoice_id=invoice.id,
        refund_id=refund_id,
        patient_id=invoice.patient_id,
        reason=reason,
        issued_at=clock.now(),
        currency=invoice.currency,
        net_minor=amount.minor - tax.minor,
        tax_minor=tax.minor,
        total_minor=amount.minor,
    )
    invoice.credited_minor += amount.minor
    db.session.add(note)
    db.session.flush()
    lines = [
        debit(AccountCode.REVENUE, Money(note.net_minor, note.currency)),
        debit(AccountCode.TAX_PAYABLE, tax),
        credit(AccountCode.RECEIVABLE, amount, invoice.patient_id),
    ]
    post(CREDITED, lines, source=(CreditNote.__tablename__, note.id), memo=note.number)
    return note


def _share_of_tax(invoice: Invoice, amount: Money) -> Money:
    """Tax by the running total, so that several partial notes together credit exactly the invoice's tax."""
    if not invoice.total_minor:
        return Money(0, invoice.currency)

    def tax_up_to(total: int) -> int:
        return (invoice.tax_minor * total * 2 + invoice.total_minor) // (invoice.total_minor * 2)

    before = invoice.credited_minor
    return Money(tax_up_to(before + amount.minor) - tax_up_to(before), invoice.currency)
