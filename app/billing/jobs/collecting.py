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
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work

log = logging.getLogger(__name__)


@job("notification", attempts=1, timeout=600, every=600)
def remind_of_overdue_invoices() -> int:
    """One reminder per invoice, step and channel; how many invoices were reminded of."""
    with all_tenants():
        clinics = list(db.session.scalars(select(Invoice.clinic_id).where(Invoice.status.in_(OWED)).distinct()))
    return sum(_remind_clinic(clinic_id) for clinic_id in clinics)


@job("payment", attempts=1, timeout=600, every=600)
def follow_payment_plans() -> int:
    """Ask for instalments that are due, tell of late ones, and note plans that defaulted."""
    unpaid = select(Instalment.clinic_id).join(PaymentPlan, PaymentPlan.id == Instalment.plan_id)
    with all_tenants():
        clinics = list(db.session.scalars(unpaid.where(Instalment.paid_minor < Instalment.amount_minor).distinct()))
    return sum(_follow_clinic(clinic_id) for clinic_id in clinics)


def _remind_clinic(clinic_id: str) -> int:
    done = 0
    with tenant_scope(clinic_id):
        for invoice_id in overdue_invoices():
            try:
                with unit_of_work():
                    done += remind_invoice(invoice_id)
            except Exception:
                log.exception("a reminder could not be sent")
    return done


def _follow_clinic(clinic_id: str) -> int:
    done = 0
    with tenant_scope(clinic_id):
        for plan_id in due_instalments():
            try:
                with unit_of_work():
                    done += follow_plan(plan_id)
            except Exception:
                log.exception("a payment plan could not be followed")
    return done
