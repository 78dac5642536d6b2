"""Patients' money that settles no invoice yet: deposits, what was paid too much, what a credit note set free.

The balance is that of PATIENT_CREDIT in the ledger. It lies in payments: each keeps what is free of it, which goes back
to the instrument it came from. Callers commit. Locks: payments by id, then visits, then invoices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import OWED, Invoice, InvoiceAllocation, InvoiceStatus, PlannedAllocation, Receipt
from app.billing.services.deeds import taken_before
from app.billing.services.discounts import check_discount_stands
from app.billing.services.receipts import find_receipt
from app.billing.services.settlement import lock_invoices, take_payment, unallocated, use_payment
from app.core.amounts import check_above_zero
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.models import Payment, Refund
from app.payments.services import create_payment, record_tender, request_refund
from app.people.queries import get_patient
from app.tenancy.queries import settings_in_scope


class NoCredit(Conflict):
    """The patient has no money with the clinic, or less than was asked for."""

    code = "NO_CREDIT"


@dataclass(frozen=True)
class Applied:
    """What of one payment settled one invoice."""

    payment_id: str
    invoice_id: str
    amount: Money


@dataclass(frozen=True)
class FreeMoney:
    """A payment with money that settles nothing, and is not being refunded."""

    payment: Payment
    free: Money


def credit_balance(patient_id: str) -> Money:
    """What the clinic owes the patient, refunds under way included; from the ledger."""
    return balance(AccountCode.PATIENT_CREDIT, patient_id)


def free_payments(patient_id: str) -> list[FreeMoney]:
    """Where a patient's credit lies, the oldest first."""
    currency = settings_in_scope().currency
    used = (
        select(
            InvoiceAllocation.payment_id,
            func.sum(InvoiceAllocation.applied_minor - InvoiceAllocation.returned_minor).label("used"),
        )
        .join(Payment, Payment.id == InvoiceAllocation.payment_id)
        .where(Payment.patient_id == patient_id)
        .group_by(InvoiceAllocation.payment_id)
        .subquery()
    )
    free = Payment.captured_minor - Payment.refunded_minor - Payment.refund_pending_minor
    free = (free - func.coalesce(used.c.used, 0)).label("free")
    wanted = (
        select(Payment, free)
        .outerjoin(used, used.c.payment_id == Payment.id)
        .where(Payment.patient_id == patient_id, Payment.currency == currency, Payment.captured_minor > 0, free > 0)
        .order_by(Payment.created_at, Payment.id)
    )
    return [FreeMoney(row[0], Money(int(row[1]), currency)) for row in db.session.execute(wanted)]


def take_deposit(
    patient_id: str, tender: str, amount: Money, reference: str = "", notes: str = "", *, payment_id: str | None = None
) -> tuple[Payment, Receipt]:
    """Money in advance, for no invoice. Whoever may have to ask again gives `payment_id`.

    Raises NotFound for the patient, FormSentAlready, Invalid.
    """
    patient = get_patient(patient_id)
    known = taken_before(payment_id, patient.id, amount)
    if known is not None:
        return known.payment, known
    payment = record_tender(
        tender, amount, patient_id=patient.id, reference=reference, notes=notes, payment_id=payment_id
    )
    return payment, _receipt(payment)


def begin_deposit(patient_id: str, amount: Money, *, provider: str | None = None) -> Payment:
    """A deposit through a gateway; `start_checkout` opens its page after the commit."""
    patient = get_patient(patient_id)
    payer = {"name": patient.name, "email": patient.email or "", "phone": patient.phone or ""}
    return create_payment(amount, patient_id=patient.id, provider=provider, description=_("Deposit"), payer=payer)


def apply_credit(
    patient_id: str, invoice_ids: Sequence[str] | None = None, amount: Money | None = None
) -> list[Applied]:
    """Settle invoices of the patient, the chosen ones in this order or the oldest first, with at most `amount`.

    Raises NoCredit, Invalid for somebody else's invoices, DiscountUndecided.
    """
    check_above_zero(amount)
    _lock_payments([item.payment.id for item in free_payments(patient_id)])
    sources = free_payments(patient_id)
    have = Money.total((item.free for item in sources), settings_in_scope().currency)
    if not have or (amount is not None and amount > have):
        raise NoCredit(_("The patient's credit is %(have)s.", have=str(have)), have=have.to_json())
    targets = list(invoice_ids) if invoice_ids is not None else owed_invoices(patient_id)
    _check_invoices(targets, patient_id)
    lock_invoices(targets)
    applied: list[Applied] = []
    left = amount if amount is not None else have
    for invoice_id in targets:
        for item in sources:
            done = _use(item.payment, invoice_id, left)
            left -= done
            if done:
                applied.append(Applied(item.payment.id, invoice_id, done))
    if not applied:
        raise NoCredit(_("Nothing is due."), code="NOTHING_DUE")
    return applied


def collect_for_invoices(
    patient_id: str,
    tender: str,
    parts: Mapping[str, Money | None],
    amount: Money | None = None,
    reference: str = "",
    *,
    payment_id: str | None = None,
) -> tuple[Payment, Receipt]:
    """One desk payment over several invoices; a part without an amount is all that is due of its invoice.

    `amount` (by default the sum of the parts) may be more: the rest becomes credit. Whoever may have to ask again gives
    `payment_id`. Raises Invalid, FormSentAlready.
    """
    known = taken_before(payment_id, patient_id, amount)
    if known is not None:
        return known.payment, known
    wanted = _wanted_parts(parts, patient_id)
    total = Money.total(wanted.values(), settings_in_scope().currency)
    taken = amount if amount is not None else total
    if taken < total:
        raise Invalid(fields={"amount": _("Less than the parts add up to.")})
    payment = record_tender(tender, taken, patient_id=patient_id, reference=reference, payment_id=payment_id)
    _plan(payment, wanted)
    take_payment(payment)
    return payment, _receipt(payment)


def begin_payment_of_invoices(
    patient_id: str, parts: Mapping[str, Money | None], *, provider: str | None = None
) -> Payment:
    """One gateway payment over several invoices: what it is for is settled when its money is there."""
    wanted = _wanted_parts(parts, patient_id)
    total = Money.total(wanted.values(), settings_in_scope().currency)
    payment = begin_deposit(patient_id, total, provider=provider)
    payment.description = _("Invoices")
    _plan(payment, wanted)
    return payment


def refund_credit(patient_id: str, amount: Money | None, reason: str, *, refund_id: str | None = None) -> list[Refund]:
    """Ask for a patient's credit to go back to where it came from, the newest payment first. Raises NoCredit, Invalid.

    Whoever may have to ask again gives the first refund's `refund_id`: the second time nothing more is asked for.
    """
    check_above_zero(amount)
    _lock_payments([item.payment.id for item in free_payments(patient_id)])
    known = db.session.get(Refund, refund_id) if refund_id is not None else None
    if known is not None:
        return [known]
    sources = free_payments(patient_id)
    have = Money.total((item.free for item in sources), settings_in_scope().currency)
    left = amount if amount is not None else have
    if not 0 < left.minor <= have.minor:
        raise NoCredit(_("The patient's credit is %(have)s.", have=str(have)), have=have.to_json())
    refunds: list[Refund] = []
    for item in reversed(sources):
        part = min(left, item.free)
        if part:
            refunds.append(request_refund(item.payment, part, reason, refund_id=None if refunds else refund_id))
            left -= part
    return refunds


def owed_invoices(patient_id: str) -> list[str]:
    """Open invoices of a patient, the one that was due first in front."""
    wanted = select(Invoice.id).where(Invoice.patient_id == patient_id, Invoice.status.in_(OWED))
    return list(db.session.scalars(wanted.order_by(Invoice.due_on, Invoice.opened_at, Invoice.id)))


def _wanted_parts(parts: Mapping[str, Money | None], patient_id: str) -> dict[str, Money]:
    """What each locked invoice shall get. Raises Invalid for more than is due, or where nothing is."""
    _check_invoices(list(parts), patient_id)
    lock_invoices(list(parts))
    wanted = {}
    for at, (invoice_id, part) in enumerate(parts.items()):
        invoice = db.session.get_one(Invoice, invoice_id)
        if invoice.status == InvoiceStatus.DRAFT:
            check_discount_stands(invoice)
        due = invoice.amount_due
        if not due:
            raise Invalid(fields={f"allocations.{at}.invoiceId": _("Nothing is due.")})
        amount = part if part is not None else due
        if amount.currency != due.currency or not 0 < amount.minor <= due.minor:
            text = _("Above zero and at most %(due)s.", due=str(due))
            raise Invalid(fields={f"allocations.{at}.amount": text})
        wanted[invoice_id] = amount
    return wanted


def _plan(payment: Payment, wanted: Mapping[str, Money]) -> None:
    """Note what the payment is for."""
    for position, (invoice_id, part) in enumerate(wanted.items(), 1):
        db.session.add(
            PlannedAllocation(
                id=new_id(),
                payment_id=payment.id,
                invoice_id=invoice_id,
                position=position,
                currency=part.currency,
                amount_minor=part.minor,
            )
        )
    db.session.flush()


def _check_invoices(invoice_ids: Sequence[str], patient_id: str) -> None:
    mine = select(func.count()).where(Invoice.id.in_(invoice_ids), Invoice.patient_id == patient_id)
    if len(set(invoice_ids)) != len(invoice_ids) or db.session.scalar(mine) != len(invoice_ids):
        raise Invalid(fields={"invoices": _("Choose invoices of one patient, each once.")})


def _use(payment: Payment, invoice_id: str, most: Money) -> Money:
    """Settle with what is free of a locked payment; how much that was."""
    before = unallocated(payment)
    limit = min(most, before - Money(payment.refund_pending_minor, payment.currency))
    if limit.minor > 0:
        use_payment(payment, invoice_id, limit)
    return before - unallocated(payment)


def _lock_payments(payment_ids: Sequence[str]) -> None:
    locking = select(Payment).where(Payment.id.in_(payment_ids)).order_by(Payment.id).with_for_update(key_share=True)
    db.session.scalars(locking.execution_options(populate_existing=True)).all()


def _receipt(payment: Payment) -> Receipt:
    receipt = find_receipt(payment.id)
    assert receipt is not None  # the payment's own transaction issued it
    return receipt
