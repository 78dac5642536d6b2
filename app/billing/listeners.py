"""What follows from billing's events: documents, messages, alerts. Each tolerates a second call."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import ColumnElement, select

from app.billing.events import (
    ApprovalDecided,
    ApprovalRequested,
    InvoiceCreated,
    InvoicePaid,
    InvoiceUpdated,
    LatePayment,
    PaidAppointmentCancelled,
    PaymentLeftOver,
    PaymentPlanDefaulted,
    VisitFeeCharged,
    VisitUnpriced,
)
from app.billing.models import Invoice, InvoiceApproval, InvoiceStatus, PaymentPlan, Subscription
from app.billing.notices import (
    DESK_ROLES,
    alert_staff,
    ask_after_return,
    ask_for_fee,
    tell_paid,
    tell_refunded,
    tell_user,
)
from app.billing.papers import moment_text
from app.billing.queries import invoices_of_payment
from app.billing.services.files import ensure_pdf
from app.billing.services.pay_links import revoke_links
from app.billing.services.receipts import find_receipt
from app.billing.services.visit_fees import settle_fee
from app.billing.subscription_events import SubscriptionCancelled, SubscriptionCreated, SubscriptionPaymentDue
from app.billing.subscription_notices import confirm_subscription, tell_cancelled, tell_payment_due
from app.core.formatting import money
from app.core.i18n import written_for
from app.core.money import Money
from app.core.tenant import db
from app.core.vocabulary import kind_name, label_of
from app.events.base import listens_to
from app.payments.errors import CannotVoid
from app.payments.events import PaymentRefunded, PaymentReturned, RefundFailed
from app.payments.models import Payment, PaymentStatus
from app.payments.services import abandon_payment, close_page_later
from app.people.models import Patient
from app.scheduling.events import AppointmentCancelled
from app.scheduling.models import Appointment
from app.tenancy.queries import settings_in_scope


@listens_to(InvoiceCreated, queue="invoice-pdf")
def draw_new_invoice(event: InvoiceCreated) -> None:
    ensure_pdf(event.invoice_id)


@listens_to(InvoiceUpdated, queue="invoice-pdf")
def draw_changed_invoice(event: InvoiceUpdated) -> None:
    """Partly paid, credited or void: the stored document says so. A draft's is drawn when somebody asks for it."""
    invoice = db.session.get_one(Invoice, event.invoice_id)
    if invoice.number is not None:
        ensure_pdf(invoice.id)


@listens_to(InvoicePaid, queue="invoice-pdf")
def send_paid_invoice(event: InvoicePaid) -> None:
    """Once per channel. A free visit has nothing to be thanked for."""
    invoice = db.session.get_one(Invoice, event.invoice_id)
    if invoice.total:
        tell_paid(invoice)


@listens_to(InvoicePaid)
def close_other_ways_to_pay(event: InvoicePaid) -> None:
    """A settled invoice has no pay link and no second payment that waits."""
    revoke_links(event.invoice_id)
    _abandon(Payment.invoice_id == event.invoice_id)


@listens_to(InvoiceUpdated)
def close_ways_to_pay_what_is_void(event: InvoiceUpdated) -> None:
    if event.status == InvoiceStatus.VOID:
        revoke_links(event.invoice_id)
        _abandon(Payment.invoice_id == event.invoice_id)


@listens_to(AppointmentCancelled)
def stop_waiting_for_payment(event: AppointmentCancelled) -> None:
    """Nobody can begin to pay for a visit that was called off; money that comes all the same is booked."""
    _abandon(Payment.appointment_id == event.appointment_id)


def _abandon(about: ColumnElement[bool]) -> None:
    waiting = select(Payment.id).where(about, Payment.status == PaymentStatus.PENDING).order_by(Payment.id)
    for payment_id in db.session.scalars(waiting).all():
        with suppress(CannotVoid):  # paid between the look and the lock: its money is taken care of
            close_page_later(abandon_payment(payment_id))


@listens_to(VisitFeeCharged, queue="notification")
def settle_charged_fee(event: VisitFeeCharged) -> None:
    """What was paid for the visit pays the fee; the patient is asked for what is still due."""
    invoice = settle_fee(event.visit_fee_id)
    if invoice.amount_due:
        ask_for_fee(invoice, event.visit_fee_id)


@listens_to(PaymentRefunded, queue="notification")
def tell_patient_of_refund(event: PaymentRefunded) -> None:
    invoice = db.session.get(Invoice, event.invoice_id) if event.invoice_id else None
    receipt = find_receipt(event.payment_id)
    number = (invoice.number if invoice else None) or (receipt.number if receipt else "")
    patient = db.session.get_one(Patient, event.patient_id)
    tell_refunded(patient, Money(event.amount_minor, event.currency), number or "", event.refund_id)


@listens_to(PaymentReturned, queue="notification")
def tell_of_returned_cheque(event: PaymentReturned) -> None:
    """The desk hears of it, and the patient is asked for what is due again."""
    patient = db.session.get_one(Patient, event.patient_id)
    amount = _shown(Money(event.amount_minor, event.currency))
    about = {"amount": amount, "patient": patient.name}
    alert_staff("cheque_returned", about, f"cheque-returned:{event.refund_id}", DESK_ROLES)
    for invoice in invoices_of_payment(event.payment_id):
        ask_after_return(invoice, event.refund_id)


@listens_to(LatePayment, queue="notification")
def alert_late_payment(event: LatePayment) -> None:
    """The visit's slot is gone, the money is here: offer another slot, or refund."""
    payment = db.session.get_one(Payment, event.payment_id)
    variables = {"amount": _shown(payment.captured), "when": _when(event.appointment_id)}
    alert_staff("late_payment", variables, f"late-payment:{event.payment_id}", DESK_ROLES)


@listens_to(PaymentLeftOver, queue="notification")
def alert_left_over(event: PaymentLeftOver) -> None:
    invoice = db.session.get_one(Invoice, event.invoice_id)
    variables = {"amount": _shown(Money(event.amount_minor, event.currency)), "number": invoice.number or "–"}
    alert_staff("payment_left_over", variables, f"left-over:{event.payment_id}:{event.amount_minor}")


@listens_to(PaidAppointmentCancelled, queue="notification")
def alert_paid_visit_cancelled(event: PaidAppointmentCancelled) -> None:
    if event.invoice_id is None:
        return  # covered by a subscription: no money waits for anybody
    invoice = db.session.get_one(Invoice, event.invoice_id)
    variables = {"amount": _shown(invoice.amount_paid), "number": invoice.number or "–"}
    alert_staff("paid_visit_cancelled", variables, f"paid-visit-cancelled:{event.appointment_id}", DESK_ROLES)


@listens_to(ApprovalRequested, queue="notification")
def alert_approval_requested(event: ApprovalRequested) -> None:
    invoice = db.session.get_one(Invoice, event.invoice_id)
    about = {"number": invoice.number or "–", "patient": invoice.patient.name}
    alert_staff("approval_requested", {**_asked(event), **about}, f"approval-requested:{event.approval_id}")


@listens_to(ApprovalDecided, queue="notification")
def tell_who_asked(event: ApprovalDecided) -> None:
    """In the console, to the person who asked."""
    approval = db.session.get_one(InvoiceApproval, event.approval_id)
    with written_for(settings_in_scope().locale):
        decision = label_of(approval.status)
    about = {"number": approval.invoice.number or "–", "decision": decision}
    if approval.requested_by_id is not None:
        tell_user(approval.requested_by_id, "approval_decided", {**_asked(event), **about}, approval.id)


@listens_to(PaymentPlanDefaulted, queue="notification")
def alert_plan_defaulted(event: PaymentPlanDefaulted) -> None:
    plan = db.session.get_one(PaymentPlan, event.payment_plan_id)
    variables = {"amount": _shown(plan.outstanding), "number": plan.invoice.number or "–", "patient": plan.patient.name}
    key = f"plan-defaulted:{plan.id}:{plan.defaulted_at:%Y%m%d}" if plan.defaulted_at else f"plan-defaulted:{plan.id}"
    alert_staff("plan_defaulted", variables, key)


def _asked(event: ApprovalRequested | ApprovalDecided) -> dict[str, str]:
    with written_for(settings_in_scope().locale):
        return {"what": str(kind_name(event.kind)), "amount": money(Money(event.amount_minor, event.currency))}


@listens_to(VisitUnpriced, queue="notification")
def alert_unpriced_visit(event: VisitUnpriced) -> None:
    alert_staff("visit_unpriced", {"when": _when(event.appointment_id)}, f"visit-unpriced:{event.appointment_id}")


@listens_to(RefundFailed, queue="notification")
def alert_failed_refund(event: RefundFailed) -> None:
    """Told per failure: a refund that is tried again may fail again, as another one."""
    variables = {"amount": _shown(Money(event.amount_minor, event.currency))}
    alert_staff("refund_failed", variables, f"refund-failed:{event.refund_id}")


def _shown(amount: Money) -> str:
    with written_for(settings_in_scope().locale):
        return money(amount)


def _when(appointment_id: str) -> str:
    with written_for(settings_in_scope().locale):
        return moment_text(db.session.get_one(Appointment, appointment_id).starts_at)


@listens_to(SubscriptionCreated, queue="notification")
def confirm_new_subscription(event: SubscriptionCreated) -> None:
    confirm_subscription(db.session.get_one(Subscription, event.subscription_id))


@listens_to(SubscriptionPaymentDue, queue="notification")
def tell_subscription_due(event: SubscriptionPaymentDue) -> None:
    """Not of the first bill: whoever subscribes pays it there and then, or is reminded."""
    subscription = db.session.get_one(Subscription, event.subscription_id)
    if event.step or subscription.period_ends_at is not None:
        tell_payment_due(subscription, event.invoice_id, event.step)


@listens_to(SubscriptionCancelled, queue="notification")
def tell_subscription_cancelled(event: SubscriptionCancelled) -> None:
    tell_cancelled(db.session.get_one(Subscription, event.subscription_id))
