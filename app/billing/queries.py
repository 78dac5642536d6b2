"""Reading invoices, each by whom they belong to: a PATIENT sees their own, a LOCATION_HEAD those of their location."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from app.access.models import Member
from app.billing.models import OWED, CreditNote, Invoice, InvoiceAllocation, Receipt
from app.core import clock
from app.core.errors import NotFound
from app.core.principal import find_principal, own_patient_id
from app.core.tenant import db
from app.payments.models import Payment
from app.payments.queries import visible_payments
from app.people.models import Patient
from app.people.queries import find_patient
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope

LISTED = (
    Invoice.id,
    Invoice.number,
    Invoice.status,
    Invoice.patient_id,
    Invoice.appointment_id,
    Invoice.doctor_id,
    Invoice.location_id,
    Invoice.currency,
    Invoice.subtotal_minor,
    Invoice.discount_minor,
    Invoice.tax_minor,
    Invoice.total_minor,
    Invoice.paid_minor,
    Invoice.credited_minor,
    Invoice.due_on,
    Invoice.opened_at,
    Invoice.created_at,
    Patient.first_name,
    Patient.last_name,
    Patient.mrn,
)


def visible_invoices(statement: Any) -> Any:
    """Narrow a select over Invoice to what whoever asks may see."""
    own = own_patient_id()
    if own is not None:
        return statement.where(Invoice.patient_id == own)
    principal = find_principal()
    location_id = principal.active.location_id if principal and principal.active else None
    return statement.where(Invoice.location_id == location_id) if location_id else statement


def get_invoice(invoice_id: str) -> Invoice:
    """Raises NotFound, also for an invoice that the person may not see."""
    invoice = db.session.scalar(visible_invoices(select(Invoice).where(Invoice.id == invoice_id)))
    if invoice is None:
        raise NotFound
    return invoice


def invoice_rows(
    *,
    status: tuple[str, ...] = (),
    patient_id: str | None = None,
    first: date | None = None,
    last: date | None = None,
    overdue: bool = False,
) -> Any:
    """LISTED columns of visible invoices, by the clinic's date on which they were made (inclusive)."""
    wanted: Any = select(*LISTED).join(Patient, Patient.id == Invoice.patient_id)
    if status:
        wanted = wanted.where(Invoice.status.in_(status))
    if patient_id is not None:
        wanted = wanted.where(Invoice.patient_id == patient_id)
    if first is not None:
        wanted = wanted.where(Invoice.created_at >= local_bounds(first, first)[0])
    if last is not None:
        wanted = wanted.where(Invoice.created_at < local_bounds(last, last)[1])
    if overdue:
        wanted = wanted.where(Invoice.status.in_(OWED), Invoice.due_on < today())
    return visible_invoices(wanted)


def today() -> date:
    """The clinic's date: what decides whether an invoice is overdue."""
    return clock.today(settings_in_scope().zone)


def patient_of_user(user_id: str) -> str:
    """The patient that a user is in this clinic, or the patient whose own id it is. Raises NotFound (SPEC PPL-1)."""
    linked = select(Member.patient_id).where(Member.user_id == user_id, Member.patient_id.is_not(None))
    patient = find_patient(db.session.scalar(linked) or user_id)
    if patient is None:
        raise NotFound
    return patient.id


def credit_notes_of(invoice_id: str) -> list[CreditNote]:
    return list(
        db.session.scalars(select(CreditNote).where(CreditNote.invoice_id == invoice_id).order_by(CreditNote.id))
    )


def payments_that_settled(invoice_id: str) -> list[tuple[InvoiceAllocation, Payment, Receipt]]:
    """What each payment gave to an invoice, with its receipt, the oldest first."""
    wanted = (
        select(InvoiceAllocation, Payment, Receipt)
        .join(Payment, Payment.id == InvoiceAllocation.payment_id)
        .join(Receipt, Receipt.payment_id == func.coalesce(Payment.split_id, Payment.id))
        .where(InvoiceAllocation.invoice_id == invoice_id)
        .order_by(InvoiceAllocation.id)
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(wanted)]


def invoices_of_payment(payment_id: str) -> list[Invoice]:
    """What a payment settles or settled, the first one in front."""
    wanted = select(Invoice).join(InvoiceAllocation, InvoiceAllocation.invoice_id == Invoice.id)
    return list(db.session.scalars(wanted.where(InvoiceAllocation.payment_id == payment_id).order_by(Invoice.id)))


def get_receipt(payment_id: str) -> Receipt:
    """The receipt of a payment that the person may see. Raises NotFound, also for a payment without money."""
    first = db.session.scalar(select(Payment.split_id).where(Payment.id == payment_id))
    wanted = select(Receipt).join(Payment, Payment.id == Receipt.payment_id)
    wanted = visible_payments(wanted.where(Receipt.payment_id == (first or payment_id)))
    receipt = db.session.scalar(wanted)
    if receipt is None:
        raise NotFound
    return receipt


def get_credit_note(note_id: str) -> CreditNote:
    """Raises NotFound."""
    note = db.session.get(CreditNote, note_id)
    if note is None:
        raise NotFound
    get_invoice(note.invoice_id)
    return note
