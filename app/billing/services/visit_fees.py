"""Fees for visits that nobody came to or that were called off late, and deposits (SPEC SCH-9). Callers commit.

A fee is charged in the transaction of the visit's step: an invoice of its own, opened at once, a share of the visit's
price with its tax. What was paid for the visit before becomes the patient's credit and pays the fee in a transaction
that follows, because money is locked before visits (`settle_fee`).
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import VisitFeeCharged
from app.billing.models import FeeKind, Invoice, InvoiceAllocation, InvoiceStatus, VisitFee
from app.billing.papers import moment_text
from app.billing.services.covered import was_covered
from app.billing.services.credit_notes import CREDITABLE, credit_rest, lock_for_credit
from app.billing.services.invoices import draft_invoice, lock_invoice, open_invoice, void_invoice
from app.billing.services.lines import NewLine
from app.billing.services.settlement import settle_invoice, unallocated
from app.billing.services.visits import find_invoice_of_visit, lock_visit, visit_price
from app.catalog.queries import NoPrice, VisitPrice
from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.payments.models import Payment
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import history_of
from app.scheduling.services.lifecycle import PATIENTS_REASONS
from app.scheduling.services.terms import fee_share, is_late
from app.tenancy.queries import settings_in_scope


def charge_for_missing(appointment_id: str) -> VisitFee | None:
    """The clinic's fee for a visit that nobody came to; None where it takes none, or a subscription used it up."""
    percent = settings_in_scope().no_show_fee_percent
    return _charge(lock_visit(appointment_id), FeeKind.MISSED, percent) if percent else None


def charge_for_late_cancelling(appointment_id: str, reason: str) -> VisitFee | None:
    """The clinic's fee where the patient called off less than its hours before; never for the clinic's own reasons.

    A request that nobody had approved costs nothing.
    """
    settings = settings_in_scope()
    if not settings.late_cancel_fee_percent or reason not in PATIENTS_REASONS:
        return None
    visit = lock_visit(appointment_id)
    if not is_late(visit.starts_at) or _was_request(visit):
        return None
    return _charge(visit, FeeKind.LATE_CANCEL, settings.late_cancel_fee_percent)


def _was_request(visit: Appointment) -> bool:
    return history_of(visit.id)[-1].from_status == AppointmentStatus.REQUESTED


def _charge(visit: Appointment, kind: FeeKind, percent: int) -> VisitFee | None:
    if was_covered(visit.id):
        return None
    try:
        price = visit_price(visit)
    except NoPrice:
        return None
    amount = fee_share(price, percent)
    if not amount:
        return None
    paid = _make_room(visit)
    fee = VisitFee(
        id=new_id(),
        appointment_id=visit.id,
        invoice_id=_invoice(visit, kind, price, amount).id,
        paid_invoice_id=paid.id if paid else None,
        kind=kind,
        percent=percent,
    )
    db.session.add(fee)
    db.session.flush()
    _publish(fee)
    return fee


def _make_room(visit: Appointment) -> Invoice | None:
    """An unpaid invoice of the visit is void: the fee is owed instead. A paid one is told, for `settle_fee`."""
    known = find_invoice_of_visit(visit.id)
    if known is None:
        return None
    invoice = lock_invoice(known.id)
    if invoice.paid_minor:
        return invoice
    if not invoice.credited_minor and invoice.can_become(InvoiceStatus.VOID):
        void_invoice(invoice, _("A fee is owed instead."))
    return None


def _invoice(visit: Appointment, kind: FeeKind, price: VisitPrice, amount: Money) -> Invoice:
    when = moment_text(visit.starts_at)
    missed, late = _("Missed visit of %(when)s", when=when), _("Visit of %(when)s cancelled late", when=when)
    text = missed if kind is FeeKind.MISSED else late
    line = NewLine(text, amount, tax=price.tax, service_id=price.service_id, code=price.code)
    draft = draft_invoice(visit.patient_id, [line], doctor_id=visit.doctor_id, location_id=visit.location_id)
    return open_invoice(draft)


def _publish(fee: VisitFee) -> None:
    invoice = db.session.get_one(Invoice, fee.invoice_id)
    publish(
        VisitFeeCharged(
            visit_fee_id=fee.id,
            appointment_id=fee.appointment_id,
            invoice_id=invoice.id,
            kind=fee.kind,
            total_minor=invoice.total_minor,
            currency=invoice.currency,
        )
    )


def settle_fee(visit_fee_id: str) -> Invoice:
    """Let what was paid for the visit pay its fee; the rest is the patient's credit. Gives the fee's invoice.

    Safe to repeat.
    """
    fee = db.session.scalars(select(VisitFee).where(VisitFee.id == visit_fee_id).with_for_update()).one()
    if fee.settled_at is not None:
        return db.session.get_one(Invoice, fee.invoice_id)
    paid = lock_for_credit(fee.paid_invoice_id) if fee.paid_invoice_id else None
    if paid is not None and paid.status in CREDITABLE:
        credit_rest(paid, _("A fee is owed instead."))
    invoice = lock_invoice(fee.invoice_id)
    for payment in _payments_of(paid):
        free = unallocated(payment) - Money(payment.refund_pending_minor, payment.currency)
        if free.minor > 0 and invoice.amount_due:
            settle_invoice(invoice, payment, free)
    fee.settled_at = clock.now()
    db.session.flush()
    return invoice


def _payments_of(invoice: Invoice | None) -> list[Payment]:
    """The payments that settled the invoice, which `lock_for_credit` locked."""
    if invoice is None:
        return []
    paying = select(InvoiceAllocation.payment_id).where(InvoiceAllocation.invoice_id == invoice.id)
    return list(db.session.scalars(select(Payment).where(Payment.id.in_(paying)).order_by(Payment.id)))
