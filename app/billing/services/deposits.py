"""What has to be paid before a visit is confirmed: all of it, or the clinic's deposit (SPEC SCH-9)."""

from __future__ import annotations

from app.billing.models import Invoice
from app.core.money import Money
from app.scheduling.models import Appointment
from app.scheduling.services.terms import deposit_of


def confirming_amount(appointment: Appointment, invoice: Invoice) -> Money:
    """What the visit's invoice must have been paid for the visit to be confirmed."""
    deposit = deposit_of(invoice.total, appointment.type) if appointment.booked_by_patient else None
    return deposit or invoice.total


def missing_to_confirm(appointment: Appointment, invoice: Invoice) -> Money:
    """What is still to be paid of it; nothing where the invoice asks for less."""
    missing = confirming_amount(appointment, invoice).minor - invoice.paid_minor
    return Money(min(max(missing, 0), invoice.amount_due.minor), invoice.currency)
