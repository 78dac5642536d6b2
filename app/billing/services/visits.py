"""Visits and their money: what a visit's invoice is, and what a payment or a cancellation means for the visit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.billing.events import AppointmentBooked, LatePayment, PaidAppointmentCancelled, VisitUnpriced
from app.billing.models import Invoice, InvoiceStatus
from app.billing.services.covered import VisitCovered, is_covered
from app.billing.services.deposits import missing_to_confirm
from app.billing.services.discounts import discount_stands
from app.billing.services.invoices import draft_invoice, lock_invoice, open_invoice, void_invoice
from app.billing.services.lines import NewLine
from app.catalog.queries import NoPrice, VisitPrice, VisitPrices, price_of_visit
from app.core.tenant import db
from app.events.services import publish
from app.payments.models import Payment
from app.scheduling.models import Appointment, AppointmentStatus, CancelReason
from app.scheduling.queries import local_day
from app.scheduling.services import confirm_appointment, retake_slot
from app.scheduling.services.terms import last_visit

CALLED_OFF = (AppointmentStatus.CANCELLED, AppointmentStatus.DECLINED)


def lock_visit(appointment_id: str) -> Appointment:
    """The visit, locked and fresh, whoever acts: a payment of somebody else's money still settles it."""
    wanted = select(Appointment).where(Appointment.id == appointment_id).with_for_update(of=Appointment, key_share=True)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def invoice_for_visit(appointment: Appointment) -> Invoice:
    """The locked invoice of a visit: the one that counts already, or a draft at today's price.

    The visit is locked with it, so that two desks find the same one. Raises NoPrice, VisitCovered.
    """
    appointment = lock_visit(appointment.id)
    known = find_invoice_of_visit(appointment.id)
    if known is not None:
        return lock_invoice(known.id)
    if is_covered(appointment.id):
        raise VisitCovered(_("A subscription pays for this visit; nothing is due."))
    price = visit_price(appointment)
    line = NewLine(price.name, price.unit_price, tax=price.tax, service_id=price.service_id, code=price.code)
    return draft_invoice(
        appointment.patient_id,
        [line],
        appointment_id=appointment.id,
        doctor_id=appointment.doctor_id,
        location_id=appointment.location_id,
    )


def visit_price(appointment: Appointment) -> VisitPrice:
    """What a visit costs by the price list; within the follow-up days of the one before, its follow-up price."""
    day = local_day(appointment.starts_at)
    before = last_visit(appointment.patient_id, appointment.doctor_id, appointment.starts_at)
    return price_of_visit(appointment.doctor_id, appointment.type, visited_on=before, on=day)


def visit_prices(appointments: Sequence[Appointment]) -> Iterator[tuple[Appointment, VisitPrice | NoPrice]]:
    """As `visit_price`, for many visits with few statements; the refusal in place of a price."""
    earlier = aliased(Appointment)
    held = (
        select(func.max(earlier.starts_at))
        .where(
            earlier.patient_id == Appointment.patient_id,
            earlier.doctor_id == Appointment.doctor_id,
            earlier.status == AppointmentStatus.COMPLETED,
            earlier.starts_at < Appointment.starts_at,
        )
        .scalar_subquery()
    )
    wanted = select(Appointment.id, held).where(Appointment.id.in_([visit.id for visit in appointments]))
    before = {row[0]: row[1] for row in db.session.execute(wanted)}
    prices = VisitPrices()
    for visit in appointments:
        last = before.get(visit.id)
        days = {"visited_on": local_day(last) if last else None, "on": local_day(visit.starts_at)}
        try:
            yield visit, prices.price_of_visit(visit.doctor_id, visit.type, **days)
        except NoPrice as refusal:
            yield visit, refusal


def find_invoice_of_visit(appointment_id: str) -> Invoice | None:
    """The visit's invoice that is not void."""
    return db.session.scalar(
        select(Invoice).where(Invoice.appointment_id == appointment_id, Invoice.status != InvoiceStatus.VOID)
    )


def was_released(appointment: Appointment) -> bool:
    """Its slot was given back because nobody had paid."""
    return appointment.status == AppointmentStatus.CANCELLED and appointment.cancelled_reason == CancelReason.UNPAID


def invoice_that_counts(invoice: Invoice, appointment: Appointment) -> Invoice:
    """The visit's present invoice where the one that was paid is void; a new one for a visit that may still be held."""
    if invoice.status != InvoiceStatus.VOID or (appointment.status in CALLED_OFF and not was_released(appointment)):
        return invoice
    try:
        return invoice_for_visit(appointment)
    except (NoPrice, VisitCovered):
        return invoice


def may_take_money(appointment: Appointment, invoice: Invoice, payment: Payment) -> bool:
    """Whether a payment still has a visit to pay for. A released one takes its slot back if the money is enough."""
    if appointment.status not in CALLED_OFF:
        return True
    came = payment.captured_minor - payment.refunded_minor
    enough = bool(invoice.amount_due) and came >= missing_to_confirm(appointment, invoice).minor
    return was_released(appointment) and enough and retake_slot(appointment)


def tell_late_payment(appointment: Appointment, invoice: Invoice, payment: Payment) -> None:
    publish(LatePayment(appointment_id=appointment.id, invoice_id=invoice.id, payment_id=payment.id))


def confirm_paid_visit(appointment: Appointment, invoice: Invoice, payment: Payment) -> None:
    """A paid invoice confirms its SCHEDULED visit, once; so does a deposit, where the clinic asks for one."""
    waits = appointment.status == AppointmentStatus.SCHEDULED
    if invoice.status != InvoiceStatus.PAID and not (waits and _deposit_is_paid(appointment, invoice)):
        return
    if appointment.status == AppointmentStatus.SCHEDULED:
        confirm_appointment(appointment)
    publish(AppointmentBooked(appointment_id=appointment.id, invoice_id=invoice.id, payment_id=payment.id))


def _deposit_is_paid(appointment: Appointment, invoice: Invoice) -> bool:
    return bool(invoice.paid_minor) and not missing_to_confirm(appointment, invoice)


def bill_completed_visit(appointment_id: str) -> Invoice | None:
    """Issue the invoice of a visit that was held. None where a subscription covers it, or nothing prices it (told)."""
    appointment = lock_visit(appointment_id)
    try:
        invoice = invoice_for_visit(appointment)
    except VisitCovered:
        return None
    except NoPrice:
        publish(VisitUnpriced(appointment_id=appointment.id))
        return None
    # A draft whose discount waits for approval stays one: the visit is over all the same.
    to_open = invoice.status == InvoiceStatus.DRAFT and discount_stands(invoice)
    return open_invoice(invoice) if to_open else invoice


def settle_cancelled_visit(appointment_id: str, reason: str) -> None:
    """Nothing is owed for a visit that was called off: an unpaid invoice is void, a paid one waits for a person.

    A released visit keeps its draft: money that is late after all opens it.
    """
    invoice = find_invoice_of_visit(appointment_id)
    if invoice is None:
        return
    invoice = lock_invoice(invoice.id)
    if invoice.paid_minor:
        publish(PaidAppointmentCancelled(appointment_id=appointment_id, invoice_id=invoice.id))
    elif reason == CancelReason.UNPAID and invoice.status == InvoiceStatus.DRAFT:
        return
    elif not invoice.credited_minor and invoice.can_become(InvoiceStatus.VOID):
        void_invoice(invoice, _("The visit was cancelled."))
