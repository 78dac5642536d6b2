"""What captured money does: it settles its invoice and confirms the visit, inside the payment's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask_babel import gettext as _
from sqlalchemy import bindparam, exists, inspect, select

from app.billing.events import InvoicePaid, InvoiceUpdated, PaymentLeftOver
from app.billing.models import Invoice, InvoiceAllocation, InvoiceStatus, PlannedAllocation, Receipt
from app.billing.services.discounts import discount_stands
from app.billing.services.invoices import facts, lock_invoice, open_invoice
from app.billing.services.plan_progress import follow_invoice
from app.billing.services.receipts import new_receipt
from app.billing.services.visits import (
    confirm_paid_visit,
    invoice_that_counts,
    lock_visit,
    may_take_money,
    tell_late_payment,
)
from app.billing.services.write_offs import reinstate_invoice
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db, read_kept, scoped
from app.core.together import insert_together
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.services import credit, debit, post
from app.payments.models import Payment

APPLIED, UNAPPLIED = "payment-applied", "payment-unapplied"


def take_payment(payment: Payment) -> None:
    """Use a payment's money for what it was paid for; what nothing takes stays the patient's credit. Safe to repeat.

    The payment is locked, as every change of one is.
    """
    known = _known_of(payment)
    if not known.receipt:
        new_receipt(payment)
    planned = planned_allocations(payment) if known.planned else []
    lock_invoices([item.invoice_id for item in planned])
    for item in planned:
        most = item.amount - _applied_so_far(item.invoice_id, payment)
        if most.minor > 0:
            use_payment(payment, item.invoice_id, most)
    if planned and not payment.at_desk:  # who takes more at the desk knows it
        _tell_left_over(payment, planned[-1].invoice_id, unallocated(payment))
    if payment.invoice_id is not None:
        used = _use(payment, payment.invoice_id, known.visit)
        if used is not None:
            _tell_left_over(payment, used.invoice.id, used.left)


def _known_of(payment: Payment) -> Any:
    """Whether it has its `receipt` and is `planned` for several invoices, and the `visit` of its own invoice."""
    asked = {"payment": payment.id, "first": payment.split_id or payment.id, "invoice": payment.invoice_id}
    return read_kept(_KNOWN, asked).one()


_KNOWN = scoped(
    select(
        exists().where(Receipt.payment_id == bindparam("first")).label("receipt"),
        exists().where(PlannedAllocation.payment_id == bindparam("payment")).label("planned"),
        select(Invoice.appointment_id).where(Invoice.id == bindparam("invoice")).scalar_subquery().label("visit"),
    )
)


class _Used(NamedTuple):
    """The invoice that money of a payment was used for, and what is left of the payment: below zero where more of it
    was refunded than settles nothing.
    """

    invoice: Invoice
    left: Money


def use_payment(payment: Payment, invoice_id: str, most: Money | None = None) -> Invoice | None:
    """Settle an invoice, and confirm its visit, from what is free of a locked payment, `most` at most.

    The invoice that took it, another one where the visit's own is void; None where the visit takes no money any more.
    """
    used = _use(payment, invoice_id, _visit_of(invoice_id), most)
    return used.invoice if used is not None else None


def _use(payment: Payment, invoice_id: str, appointment_id: str | None, most: Money | None = None) -> _Used | None:
    if appointment_id is None:
        return _settle(lock_invoice(invoice_id), payment, most)
    appointment = lock_visit(appointment_id)
    invoice = invoice_that_counts(lock_invoice(invoice_id), appointment)
    if not may_take_money(appointment, invoice, payment):
        tell_late_payment(appointment, invoice, payment)
        return None
    used = _settle(invoice, payment, most)
    confirm_paid_visit(appointment, invoice, payment)
    return used


def lock_invoices(invoice_ids: Sequence[str]) -> None:
    """Visits, then invoices, each by id: two that settle the same ones wait for each other and never in a circle."""
    if not invoice_ids:
        return
    visits = select(Invoice.appointment_id).where(Invoice.id.in_(invoice_ids), Invoice.appointment_id.is_not(None))
    for appointment_id in sorted(str(found) for found in db.session.scalars(visits)):
        lock_visit(appointment_id)
    for invoice_id in sorted(set(invoice_ids)):
        lock_invoice(invoice_id)


def planned_allocations(payment: Payment) -> list[PlannedAllocation]:
    """What a payment over several invoices is meant for; empty for any other."""
    wanted = select(PlannedAllocation).where(PlannedAllocation.payment_id == payment.id)
    return list(db.session.scalars(wanted.order_by(PlannedAllocation.position)))


def _visit_of(invoice_id: str) -> str | None:
    return db.session.scalar(select(Invoice.appointment_id).where(Invoice.id == invoice_id))


def settle_invoice(invoice: Invoice, payment: Payment, most: Money | None = None) -> Invoice:
    """Pay what is due of a locked invoice, `most` at most; the rest stays credit. Safe to repeat.

    Money for a debt that was given up brings the debt back first.
    """
    return _settle(invoice, payment, most).invoice


def _settle(invoice: Invoice, payment: Payment, most: Money | None) -> _Used:
    allocations = _allocations_of(payment)
    free = _unallocated(payment, allocations)
    if free.minor <= 0 or free.currency != invoice.currency:
        return _Used(invoice, free)
    if invoice.status == InvoiceStatus.DRAFT and discount_stands(invoice):
        open_invoice(invoice)
    elif invoice.status == InvoiceStatus.WRITTEN_OFF:
        reinstate_invoice(invoice, _("Money came after all."))
    due = invoice.amount_due if invoice.status != InvoiceStatus.DRAFT else Money.zero(invoice.currency)
    used = min(free, due, most if most is not None else free)
    if used.minor > 0:
        _apply(invoice, allocations.get(invoice.id) or _new_allocation(invoice, payment), used)
    return _Used(invoice, free - used)


def _tell_left_over(payment: Payment, invoice_id: str, left: Money) -> None:
    """Staff hear of money that settles nothing."""
    if left.minor > 0:
        publish(
            PaymentLeftOver(
                payment_id=payment.id, invoice_id=invoice_id, amount_minor=left.minor, currency=left.currency
            )
        )


def _applied_so_far(invoice_id: str, payment: Payment) -> Money:
    row = select(InvoiceAllocation.applied_minor).where(
        InvoiceAllocation.invoice_id == invoice_id, InvoiceAllocation.payment_id == payment.id
    )
    return Money(int(db.session.scalar(row) or 0), payment.currency)


def unallocated(payment: Payment) -> Money:
    """What of a payment settles no invoice; below zero when more was refunded than that."""
    return _unallocated(payment, _allocations_of(payment))


def _unallocated(payment: Payment, allocations: Mapping[str, InvoiceAllocation]) -> Money:
    allocated = sum(item.applied_minor - item.returned_minor for item in allocations.values())
    return Money(payment.captured_minor - payment.refunded_minor - allocated, payment.currency)


def _allocations_of(payment: Payment) -> dict[str, InvoiceAllocation]:
    """What ties a payment to invoices, by invoice."""
    rows = db.session.scalars(select(InvoiceAllocation).where(InvoiceAllocation.payment_id == payment.id))
    return {row.invoice_id: row for row in rows}


def _new_allocation(invoice: Invoice, payment: Payment) -> InvoiceAllocation:
    return InvoiceAllocation(
        id=new_id(),
        invoice_id=invoice.id,
        payment_id=payment.id,
        currency=invoice.currency,
        applied_minor=0,
        returned_minor=0,
    )


def take_back(invoice: Invoice, allocation: InvoiceAllocation, amount: Money) -> None:
    """The money settles the locked invoice no more: it is the patient's credit, out of which a refund is paid."""
    allocation.returned_minor += amount.minor
    invoice.paid_minor -= amount.minor
    db.session.flush()
    lines = [
        debit(AccountCode.RECEIVABLE, amount, invoice.patient_id),
        credit(AccountCode.PATIENT_CREDIT, amount, invoice.patient_id),
    ]
    source = (InvoiceAllocation.__tablename__, allocation.id)
    post(UNAPPLIED, lines, source=source, source_key=str(allocation.returned_minor), memo=invoice.number or "")


def _apply(invoice: Invoice, allocation: InvoiceAllocation, used: Money) -> None:
    allocation.applied_minor += used.minor
    invoice.paid_minor += used.minor
    _show_status(invoice)
    if inspect(allocation).transient:
        insert_together(allocation)
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
    follow_invoice(invoice)
    if invoice.status == InvoiceStatus.PAID:
        publish(InvoicePaid(**facts(invoice)))
    else:
        publish(InvoiceUpdated(**facts(invoice), status=invoice.status))


def show_progress(invoice: Invoice) -> None:
    """The status that paid and credited sums mean for an issued invoice; its payment plan follows.

    A debt that was given up stays so: only money brings it back.
    """
    if invoice.status != InvoiceStatus.WRITTEN_OFF:
        _show_status(invoice)
        follow_invoice(invoice)


def _show_status(invoice: Invoice) -> None:
    if invoice.paid_minor + invoice.credited_minor >= invoice.total_minor:
        wanted = InvoiceStatus.PAID
    else:
        wanted = InvoiceStatus.PARTIALLY_PAID if invoice.paid_minor else InvoiceStatus.OPEN
    if invoice.status != wanted:
        invoice.become(wanted)
