"""Events of invoices and of visits that are paid for."""

from __future__ import annotations

from typing import ClassVar

from app.events.base import Category, Event


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


class AppointmentBooked(Event):
    """A visit is paid for."""

    type: ClassVar[str] = "billing.appointment.booked"
    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "appointment_id"

    appointment_id: str
    invoice_id: str
    payment_id: str


class LatePayment(Event):
    """Money came for a visit that was released and whose slot is taken: it waits as credit for a person's decision."""

    type: ClassVar[str] = "billing.appointment.payment_late"
    category: ClassVar[Category] = Category.BILLING
    subject: ClassVar[str] = "appointment_id"

    appointment_id: str
    invoice_id: str
    payment_id: str
