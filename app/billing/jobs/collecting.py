"""Reminding of what is overdue, by the clinic's days. What was sent stands on the invoice and the instalment."""

from __future__ import annotations

import logging

from sqlalchemy import select

from app.billing.models import OWED, Instalment, Invoice, PaymentPlan
from app.billing.services.reminders import (
    due_instalments,
    follow_plan,
    overdue_invoices,
    remind_invoice,
)
from app.core.jobs import job
from app.core.transaction import unit_of_work
from app.tenancy.rounds import in_every_clinic

log = logging.getLogger(__name__)


@job("notification", attempts=1, timeout=600, every=600)
def remind_of_overdue_invoices() -> int:
    """One reminder per invoice, step and channel; how many invoices were reminded of."""
    owed = select(Invoice.clinic_id).where(Invoice.status.in_(OWED))
    return in_every_clinic(_remind, among=owed)


@job("payment", attempts=1, timeout=600, every=600)
def follow_payment_plans() -> int:
    """Ask for instalments that are due, tell of late ones, and note plans that defaulted."""
    unpaid = select(Instalment.clinic_id).join(PaymentPlan, PaymentPlan.id == Instalment.plan_id)
    owed = unpaid.where(Instalment.paid_minor < Instalment.amount_minor)
    return in_every_clinic(_follow, among=owed)


def _remind() -> int:
    done = 0
    for invoice_id in overdue_invoices():
        try:
            with unit_of_work():
                done += remind_invoice(invoice_id)
        except Exception:
            log.exception("a reminder could not be sent")
    return done


def _follow() -> int:
    done = 0
    for plan_id in due_instalments():
        try:
            with unit_of_work():
                done += follow_plan(plan_id)
        except Exception:
            log.exception("a payment plan could not be followed")
    return done
