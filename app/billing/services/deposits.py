"""What has to be paid before a visit is confirmed: all of it, or the clinic's deposit (SPEC SCH-9)."""

from __future__ import annotations

from decimal import Decimal

from app.billing.models import Invoice
from app.core.money import Money
from app.scheduling.models import Appointment
from app.scheduling.services.lifecycle import needs_full_payment
from app.tenancy.queries import settings_in_scope

ALL = 100


def confirming_amount(appointment: Appointment, invoice: Invoice) -> Money:
    """What the visit's invoice must have been paid for the visit to be confirmed."""
    percent = settings_in_scope().deposit_percent
    if not percent or percent >= ALL or needs_full_payment(appointment) or not appointment.booked_by_patient:
        return invoice.total
    return max(invoice.total.percent(Decimal(percent)), Money(1, invoice.currency)) if invoice.total else invoice.total


def missing_to_confirm(appointment: Appointment, invoice: Invoice) -> Money:
    """What is still to be paid of it; nothing where the invoice asks for less."""
    missing = confirming_amount(appointment, invoice).minor - invoice.paid_minor
    return Money(min(max(missing, 0), invoice.amount_due.minor), invoice.currency)
