"""Invariants across slices, kept inside the publisher's transaction.

A completed payment settles its invoice and confirms its visit; a settled refund is credited; what a cheque paid that
came back is owed again; a visit that was held is billed, one that was called off owes nothing and gives its place in a
quota back; missing a visit or calling it off late costs the clinic's fee; a paid bill begins its period. What came and
went is noted for its drawer and for the day's close.
"""

from __future__ import annotations

from app.billing.events import InvoicePaid
from app.billing.services.cash_desk_movements import record_refund, record_return, record_taking
from app.billing.services.coverage import confirm_if_covered, settle_coverage
from app.billing.services.credit_notes import credit_refund
from app.billing.services.failed_charges import ask_after_failed_charge
from app.billing.services.renewals import begin_paid_period
from app.billing.services.returned_cheques import owe_again, pay_again
from app.billing.services.settlement import take_payment
from app.billing.services.visit_fees import charge_for_late_cancelling, charge_for_missing
from app.billing.services.visits import bill_completed_visit, settle_cancelled_visit
from app.core.money import Money
from app.core.tenant import db
from app.events.base import reacts_to
from app.payments.events import (
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReturned,
    PaymentReturnUndone,
    RefundFailed,
)
from app.payments.models import Payment, Refund
from app.scheduling.events import (
    AppointmentApproved,
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentDeclined,
    AppointmentNoShow,
)
from app.scheduling.models import CancelReason


@reacts_to(PaymentCompleted)
def note_taking(event: PaymentCompleted) -> None:
    """First of all: a drawer is locked before a visit and its invoice."""
    came = Money(event.amount_minor, event.currency)
    record_taking(db.session.get_one(Payment, event.payment_id), came, str(event.captured_minor))


@reacts_to(PaymentRefunded)
@reacts_to(PaymentReturned)
def note_refund(event: PaymentRefunded | PaymentReturned) -> None:
    record_refund(db.session.get_one(Payment, event.payment_id), db.session.get_one(Refund, event.refund_id))


@reacts_to(RefundFailed)
def note_return(event: RefundFailed) -> None:
    if event.was_settled:
        record_return(db.session.get_one(Payment, event.payment_id), db.session.get_one(Refund, event.refund_id))


@reacts_to(PaymentCompleted)
def settle_on_payment(event: PaymentCompleted) -> None:
    take_payment(db.session.get_one(Payment, event.payment_id))


@reacts_to(PaymentFailed)
def ask_on_failed_charge(event: PaymentFailed) -> None:
    ask_after_failed_charge(db.session.get_one(Payment, event.payment_id))


@reacts_to(PaymentRefunded)
def credit_on_refund(event: PaymentRefunded) -> None:
    refund = db.session.get_one(Refund, event.refund_id)
    credit_refund(db.session.get_one(Payment, event.payment_id), refund.id, refund.reason or "Refund")


@reacts_to(PaymentReturned)
def owe_on_return(event: PaymentReturned) -> None:
    refund = db.session.get_one(Refund, event.refund_id)
    owe_again(db.session.get_one(Payment, event.payment_id), refund.reason)


@reacts_to(PaymentReturnUndone)
def pay_on_return_undone(event: PaymentReturnUndone) -> None:
    """Its money counts today, as on the day's other total."""
    payment = db.session.get_one(Payment, event.payment_id)
    record_return(payment, db.session.get_one(Refund, event.refund_id))
    pay_again(payment)


@reacts_to(AppointmentCompleted)
def bill_on_completion(event: AppointmentCompleted) -> None:
    bill_completed_visit(event.appointment_id)


@reacts_to(AppointmentCancelled)
def settle_on_cancellation(event: AppointmentCancelled) -> None:
    settle_cancelled_visit(event.appointment_id, event.reason)


@reacts_to(AppointmentCancelled)
def return_quota(event: AppointmentCancelled) -> None:
    settle_coverage(event.appointment_id, event.reason)


@reacts_to(AppointmentCancelled)
def charge_late_cancelling(event: AppointmentCancelled) -> None:
    """After the visit's own invoice and its place in a quota are settled."""
    charge_for_late_cancelling(event.appointment_id, event.reason)


@reacts_to(AppointmentNoShow)
def charge_missing(event: AppointmentNoShow) -> None:
    charge_for_missing(event.appointment_id)


@reacts_to(AppointmentDeclined)
def return_quota_of_refused(event: AppointmentDeclined) -> None:
    settle_coverage(event.appointment_id, CancelReason.CLINIC_CLOSED)


@reacts_to(AppointmentApproved)
def confirm_covered(event: AppointmentApproved) -> None:
    confirm_if_covered(event.appointment_id)


@reacts_to(InvoicePaid)
def begin_period(event: InvoicePaid) -> None:
    begin_paid_period(event.invoice_id)
