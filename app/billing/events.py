"""Events of invoices and of visits that are paid for."""

from __future__ import annotations

from typing import ClassVar

from app.events.base import Category, Event, Priority


class InvoiceEvent(Event):
    """What all events of an invoice tell; amounts are in minor units."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "invoice_id"

    invoice_id: str
    patient_id: str
    appointment_id: str | None = None
    number: str | None = None
    total_minor: int
    currency: str


class InvoiceDrafted(InvoiceEvent):
    type: ClassVar[str] = "billing.invoice.drafted"


class InvoiceCreated(InvoiceEvent):
    """The draft became open: it has its number and cannot change any more."""

    type: ClassVar[str] = "billing.invoice.created"


class InvoicePaid(InvoiceEvent):
    type: ClassVar[str] = "billing.invoice.paid"


class InvoiceUpdated(InvoiceEvent):
    """Partly paid, credited, voided or written off."""

    type: ClassVar[str] = "billing.invoice.updated"
    status: str


class ApprovalEvent(Event):
    """What all events of an approval tell; amounts are in minor units."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "approval_id"

    approval_id: str
    invoice_id: str
    kind: str
    amount_minor: int
    currency: str


class ApprovalRequested(ApprovalEvent):
    """A discount above somebody's limit, or a debt to be given up, waits for a second person."""

    type: ClassVar[str] = "billing.approval.requested"


class ApprovalDecided(ApprovalEvent):
    type: ClassVar[str] = "billing.approval.decided"

    approved: bool


class PaymentPlanEvent(Event):
    """What all events of a payment plan tell."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "payment_plan_id"

    payment_plan_id: str
    invoice_id: str
    patient_id: str


class PaymentPlanCreated(PaymentPlanEvent):
    type: ClassVar[str] = "billing.payment_plan.created"


class PaymentPlanUpdated(PaymentPlanEvent):
    """Changed, completed, cancelled or brought back."""

    type: ClassVar[str] = "billing.payment_plan.updated"
    status: str


class PaymentPlanDefaulted(PaymentPlanEvent):
    """An instalment was late for longer than the clinic waits: a person decides."""

    type: ClassVar[str] = "billing.payment_plan.defaulted"
    priority: ClassVar[Priority] = Priority.HIGH


class VisitEvent(Event):
    """What all money events of a visit tell."""

    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "appointment_id"

    appointment_id: str


class AppointmentBooked(VisitEvent):
    """A visit is paid for: by a payment of its invoice, or out of a subscription's quota."""

    type: ClassVar[str] = "billing.appointment.booked"

    invoice_id: str | None = None
    payment_id: str | None = None
    subscription_id: str | None = None


class PaidAppointmentCancelled(VisitEvent):
    """A visit that was paid for, at least in part, is cancelled: a person decides what becomes of the money.

    Of one that a subscription covers, `quota_returned` says whether its place in the quota came back.
    """

    type: ClassVar[str] = "billing.appointment.cancelled"

    invoice_id: str | None = None
    subscription_id: str | None = None
    quota_returned: bool | None = None


class LatePayment(VisitEvent):
    """Money came for a visit that cannot be held any more: it waits as credit for a person's decision."""

    type: ClassVar[str] = "billing.appointment.payment_late"
    priority: ClassVar[Priority] = Priority.HIGH

    invoice_id: str
    payment_id: str


class VisitUnpriced(VisitEvent):
    """A visit was completed that the clinic has no price for, so that no invoice was issued."""

    type: ClassVar[str] = "billing.appointment.unpriced"
    priority: ClassVar[Priority] = Priority.HIGH


class PaymentLeftOver(Event):
    """Part of a payment settles no invoice (paid twice, paid too much): it is the patient's credit."""

    type: ClassVar[str] = "billing.payment.left_over"
    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "payment_id"

    payment_id: str
    invoice_id: str
    amount_minor: int
    currency: str


class VisitFeeCharged(Event):
    """A fee is owed for a visit that nobody came to, or that was called off late. Amounts are in minor units."""

    type: ClassVar[str] = "billing.visit_fee.charged"
    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "visit_fee_id"

    visit_fee_id: str
    appointment_id: str
    invoice_id: str
    kind: str
    total_minor: int
    currency: str
