"""Paying an invoice or a visit: through a gateway's hosted page, or at the desk."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import Invoice, InvoiceStatus, Receipt
from app.billing.services.deeds import taken_before
from app.billing.services.deposits import missing_to_confirm
from app.billing.services.discounts import check_discount_stands
from app.billing.services.invoices import lock_invoice
from app.billing.services.receipts import find_receipt
from app.billing.services.visits import invoice_for_visit, lock_visit
from app.core.errors import Conflict, Invalid
from app.core.money import Money
from app.core.tenant import db
from app.payments.gateways import GATEWAYS
from app.payments.models import Payment, PaymentStatus
from app.payments.services import create_payment, record_tender
from app.scheduling.models import Appointment, AppointmentStatus

# A visit that was asked for waits for approval; one that was called off cannot be paid for any more.
PAYABLE_VISITS = (
    AppointmentStatus.SCHEDULED,
    AppointmentStatus.CONFIRMED,
    AppointmentStatus.CHECKED_IN,
    AppointmentStatus.IN_PROGRESS,
    AppointmentStatus.COMPLETED,
)
OWED_VISITS = (*PAYABLE_VISITS, AppointmentStatus.NO_SHOW)
WAITING = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)


class AlreadyPaid(Conflict):
    """Nothing is due (any more)."""

    code = "ALREADY_PAID"


class NotPayable(Conflict):
    """The visit or the invoice is in a state in which it takes no money."""

    code = "NOT_PAYABLE"


@dataclass(frozen=True)
class Collected:
    """Money that the desk took, what it was for, and its numbered receipt."""

    payment: Payment
    invoice: Invoice
    receipt: Receipt


def begin_visit_payment(
    appointment: Appointment, *, provider: str | None = None, amount: Money | None = None
) -> Payment:
    """A payment of what is due for a visit; `start_checkout` opens its hosted page after the commit.

    Where a deposit confirms the visit, it is asked for unless the caller names all that is due. Raises NotPayable,
    AlreadyPaid, NoPrice, Invalid for another amount or an unknown provider.
    """
    invoice = _invoice_of_visit(appointment.id)
    deposit = _deposit(lock_visit(appointment.id), invoice)
    if deposit is not None and amount in (None, deposit):
        return _begin(invoice, provider, None, deposit)
    return _begin(invoice, provider, amount)


def _deposit(appointment: Appointment, invoice: Invoice) -> Money | None:
    """What is to be paid now, where that is less than what is due."""
    if appointment.status != AppointmentStatus.SCHEDULED:
        return None
    missing = missing_to_confirm(appointment, invoice)
    return missing if 0 < missing.minor < invoice.amount_due.minor else None


def begin_invoice_payment(
    invoice: Invoice, *, provider: str | None = None, amount: Money | None = None, part: Money | None = None
) -> Payment:
    """A payment of what is due of an invoice, or of a `part` that the server decided. Raises as above."""
    return _begin(_locked(invoice), provider, amount, part)


def _begin(invoice: Invoice, provider: str | None, amount: Money | None, part: Money | None = None) -> Payment:
    """The payment that waits already, or a new one."""
    _check_provider(provider)
    _check_due(invoice)
    check_amount(invoice, amount)
    wanted = min(part, invoice.amount_due) if part is not None else invoice.amount_due
    known = _waiting_payment(invoice, provider, wanted)
    if known is not None:
        return known
    patient = invoice.patient
    return create_payment(
        wanted,
        patient_id=invoice.patient_id,
        invoice_id=invoice.id,
        appointment_id=invoice.appointment_id,
        provider=provider,
        description=_description(invoice),
        payer={"name": patient.name, "email": patient.email or "", "phone": patient.phone or ""},
    )


def collect_at_desk(
    target: Appointment | Invoice,
    tender: str,
    amount: Money | None = None,
    reference: str = "",
    notes: str = "",
    *,
    tendered: Money | None = None,
    payment_id: str | None = None,
) -> Collected:
    """Take money at the desk for a visit or an invoice: all that is due, or a part. `tendered`: cash handed over.
    Whoever may have to ask again gives `payment_id`: the second time it finds what was taken by the first.

    Raises NotPayable, AlreadyPaid, NoPrice, FormSentAlready, Invalid for an amount that is not above zero and at most
    what is due.
    """
    known = taken_before(payment_id, target.patient_id, amount)
    if known is not None:
        return _collected(known)
    invoice = invoice_to_collect(target)
    due = invoice.amount_due
    wanted = amount if amount is not None else due
    if wanted.currency != due.currency or not 0 < wanted.minor <= due.minor:
        raise Invalid(fields={"amount": _("Above zero and at most %(due)s.", due=str(due))})
    payment = record_tender(
        tender,
        wanted,
        patient_id=invoice.patient_id,
        invoice_id=invoice.id,
        appointment_id=invoice.appointment_id,
        reference=reference,
        notes=notes,
        tendered=tendered,
        payment_id=payment_id,
    )
    receipt = find_receipt(payment.id)
    assert receipt is not None  # the payment's own transaction issued it
    return Collected(payment, invoice, receipt)


def _collected(receipt: Receipt) -> Collected:
    payment = db.session.get_one(Payment, receipt.payment_id)
    return Collected(payment, payment.invoice, receipt)


def invoice_to_collect(target: Appointment | Invoice) -> Invoice:
    """The locked invoice of what is paid for, with something due. Raises NotPayable, AlreadyPaid, NoPrice."""
    invoice = _invoice_of_visit(target.id) if isinstance(target, Appointment) else _locked(target)
    _check_due(invoice)
    return invoice


def _invoice_of_visit(appointment_id: str) -> Invoice:
    """Both locked, the visit first."""
    appointment = lock_visit(appointment_id)
    _check_visit(appointment, PAYABLE_VISITS)
    return invoice_for_visit(appointment)


def _locked(invoice: Invoice) -> Invoice:
    """What was issued is owed, whether or not the patient came; a draft only for a visit that can be held."""
    if invoice.appointment_id is not None:
        draft = invoice.status == InvoiceStatus.DRAFT
        _check_visit(lock_visit(invoice.appointment_id), PAYABLE_VISITS if draft else OWED_VISITS)
    return lock_invoice(invoice.id)


def _check_visit(appointment: Appointment, payable: tuple[AppointmentStatus, ...]) -> None:
    if appointment.status == AppointmentStatus.REQUESTED:
        raise NotPayable(_("This visit waits for the clinic's approval."), status=appointment.status)
    if appointment.status not in payable:
        raise NotPayable(_("This visit was called off; it cannot be paid for."), status=appointment.status)


def _check_due(invoice: Invoice) -> None:
    if invoice.status in (InvoiceStatus.VOID, InvoiceStatus.WRITTEN_OFF):
        raise NotPayable(_("This invoice cannot be paid."), status=invoice.status)
    if not invoice.amount_due:
        raise AlreadyPaid(_("Nothing is due."), status=invoice.status)
    if invoice.status == InvoiceStatus.DRAFT:
        check_discount_stands(invoice)


def check_amount(invoice: Invoice, amount: Money | None) -> None:
    """The server prices; a client that thinks otherwise is told, never obeyed (SPEC PAY-2)."""
    check_sum(invoice.amount_due, amount)


def check_sum(due: Money, amount: Money | None) -> None:
    """The same for several invoices together."""
    if amount is not None and amount != due:
        text = _("The amount due is %(due)s.", due=str(due))
        raise Invalid(text, code="WRONG_AMOUNT", fields={"amount": text}, due=due.to_json(), currency=due.currency)


def _check_provider(provider: str | None) -> None:
    if provider is not None and provider not in {gateway.code for gateway in GATEWAYS}:
        raise Invalid(fields={"provider": _("There is no such payment provider.")})


def _waiting_payment(invoice: Invoice, provider: str | None, amount: Money) -> Payment | None:
    """An open payment of the same amount: paying twice because of two tabs must not be possible."""
    wanted = select(Payment).where(
        Payment.invoice_id == invoice.id,
        Payment.status.in_(WAITING),
        Payment.amount_minor == amount.minor,
        Payment.currency == amount.currency,
        Payment.abandoned_at.is_(None),
        Payment.saved_method_id.is_(None),  # charged by us, and without a page
    )
    if provider is not None:
        wanted = wanted.where(Payment.provider == provider)
    return db.session.scalar(wanted.order_by(Payment.id.desc()).limit(1))


def _description(invoice: Invoice) -> str:
    """What the payer reads on the hosted page: nothing about their health."""
    return _("Invoice %(number)s", number=invoice.number) if invoice.number else _("Medical services")
