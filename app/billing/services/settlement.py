"""What captured money does: it settles its invoice and confirms the visit, inside the payment's own transaction."""

from __future__ import annotations

from sqlalchemy import func, select

from app.billing.events import InvoicePaid, InvoiceUpdated, PaymentLeftOver
from app.billing.models import Invoice, InvoiceAllocation, InvoiceStatus
from app.billing.services.invoices import facts, lock_invoice, open_invoice
from app.billing.services.receipts import issue_receipt
from app.billing.services.visits import (
    confirm_paid_visit,
    invoice_that_counts,
    lock_visit,
    may_take_money,
    tell_late_payment,
)
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, post
from app.payments.models import Payment

APPLIED = "payment-applied"


def take_payment(payment: Payment) -> None:
    """Use a payment's money for what it was paid for; what nothing takes stays the patient's credit. Safe to repeat.

    The payment is locked, as every change of one is.
    """
    issue_receipt(payment)
    if payment.invoice_id is None:
        return
    appointment_id = _visit_of(payment.invoice_id)
    if appointment_id is None:
        settle_invoice(lock_invoice(payment.invoice_id), payment)
        return
    appointment = lock_visit(appointment_id)
    invoice = invoice_that_counts(lock_invoice(payment.invoice_id), appointment)
    if not may_take_money(appointment, invoice, payment):
        tell_late_payment(appointment, invoice, payment)
        return
    settle_invoice(invoice, payment)
    confirm_paid_visit(appointment, invoice, payment)


def _visit_of(invoice_id: str) -> str | None:
    return db.session.scalar(select(Invoice.appointment_id).where(Invoice.id == invoice_id))


def settle_invoice(invoice: Invoice, payment: Payment) -> None:
    """Pay what is due of a locked invoice; the rest stays credit, and staff are told. Safe to repeat."""
    free = unallocated(payment)
    used = Money.zero(free.currency)
    if free.minor > 0 and free.currency == invoice.currency:
        if invoice.status == InvoiceStatus.DRAFT:
            open_invoice(invoice)
        used = min(free, invoice.amount_due)
    if used:
        _apply(invoice, allocation_of(invoice, payment), used)
    left = free - used
    if left.minor > 0:
        publish(
            PaymentLeftOver(
                payment_id=payment.id, invoice_id=invoice.id, amount_minor=left.minor, currency=left.currency
            )
        )


def unallocated(payment: Payment) -> Money:
    """What of a payment settles no invoice; below zero when more was refunded than that."""
    used = select(func.coalesce(func.sum(InvoiceAllocation.applied_minor - InvoiceAllocation.returned_minor), 0))
    allocated = int(db.session.scalar(used.where(InvoiceAllocation.payment_id == payment.id)) or 0)
    return Money(payment.captured_minor - payment.refunded_minor - allocated, payment.currency)


def allocation_of(invoice: Invoice, payment: Payment) -> InvoiceAllocation:
    """The row that ties a payment to an invoice."""
    known = db.session.scalar(
        select(InvoiceAllocation).where(
            InvoiceAllocation.invoice_id == invoice.id, InvoiceAllocation.payment_id == payment.id
        )
    )
    if known is None:
        known = InvoiceAllocation(
            id=new_id(),
            invoice_id=invoice.id,
            payment_id=payment.id,
            currency=invoice.currency,
            applied_minor=0,
            returned_minor=0,
        )
        db.session.add(known)
    return known


def _apply(invoice: Invoice, allocation: InvoiceAllocation, used: Money) -> None:
    allocation.applied_minor += used.minor
    invoice.paid_minor += used.minor
    db.session.flush()
    post(
        APPLIED,
        [
            debit(AccountCode.PATIENT_CREDIT, used, invoice.patient_id),
            credit(AccountCode.RECEIVABLE, used, invoice.patient_id),
        ],
        source=(InvoiceAllocation.__tablename__, allocation.id),
        source_key=str(allocation.applied_minor),
        memo=invoice.number or "",
    )
    show_progress(invoice)
    if invoice.status == InvoiceStatus.PAID:
        publish(InvoicePaid(**facts(invoice)))
    else:
        publish(InvoiceUpdated(**facts(invoice), status=invoice.status))


def show_progress(invoice: Invoice) -> None:
    """The status that paid and credited sums mean for an issued invoice."""
    if invoice.paid_minor + invoice.credited_minor >= invoice.total_minor:
        wanted = InvoiceStatus.PAID
    else:
        wanted = InvoiceStatus.PARTIALLY_PAID if invoice.paid_minor else InvoiceStatus.OPEN
    if invoice.status != wanted:
        invoice.become(wanted)
