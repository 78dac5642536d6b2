"""How far a payment plan got: its instalments are paid, in order, by whatever settles the invoice."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import bindparam, select

from app.billing.events import PaymentPlanUpdated
from app.billing.models import OWED, Invoice, InvoiceStatus, PaymentPlan, PaymentPlanStatus
from app.core import clock
from app.core.tenant import db, read_kept, scoped
from app.events.services import publish
from app.tenancy.queries import settings_in_scope


def follow_invoice(invoice: Invoice) -> None:
    """Share what settled a locked invoice over the instalments of its plan. Safe to repeat."""
    plan = plan_of_invoice(invoice.id)
    if plan is None:
        return
    left = max(invoice.paid_minor + invoice.credited_minor - plan.baseline_minor, 0)
    for item in plan.instalments:
        before, item.paid_minor = item.paid_minor, min(left, item.amount_minor)
        left -= item.paid_minor
        if item.paid_minor != before:
            item.paid_at = None if item.outstanding else clock.now()
    move_plan(plan, status_of(plan, invoice))


def plan_of_invoice(invoice_id: str) -> PaymentPlan | None:
    """The latest plan of an invoice that was not cancelled."""
    plan_id = read_kept(_PLAN, {"invoice": invoice_id}).scalar()
    return db.session.get_one(PaymentPlan, plan_id) if plan_id is not None else None


_PLAN = scoped(
    select(PaymentPlan.id)
    .where(PaymentPlan.invoice_id == bindparam("invoice"), PaymentPlan.status != PaymentPlanStatus.CANCELLED)
    .order_by(PaymentPlan.created_at.desc())
    .limit(1)
)


def status_of(plan: PaymentPlan, invoice: Invoice) -> PaymentPlanStatus:
    """COMPLETED when all is paid; a plan that defaulted is ACTIVE again once nothing is too late."""
    if invoice.status in (InvoiceStatus.VOID, InvoiceStatus.WRITTEN_OFF):
        return PaymentPlanStatus.CANCELLED
    if not plan.outstanding or invoice.status not in OWED:
        return PaymentPlanStatus.COMPLETED
    if plan.status == PaymentPlanStatus.DEFAULTED and days_late(plan) >= settings_in_scope().instalment_default_days:
        return PaymentPlanStatus.DEFAULTED
    return PaymentPlanStatus.ACTIVE


def days_late(plan: PaymentPlan) -> int:
    """Of the first instalment that is not paid, by the clinic's date; negative before it is due."""
    following = plan.next_instalment
    return following.days_late(clock.today(settings_in_scope().zone)) if following is not None else 0


def move_plan(plan: PaymentPlan, status: PaymentPlanStatus) -> None:
    """Take the step, if it is one, and tell."""
    if plan.status == status:
        db.session.flush()
        return
    plan.become(status)
    plan.finished_at = clock.now() if status == PaymentPlanStatus.COMPLETED else None
    if status == PaymentPlanStatus.CANCELLED:
        plan.finished_at = clock.now()
        plan.cancel_reason = plan.cancel_reason or _("The invoice is no longer owed.")
    db.session.flush()
    about = {"payment_plan_id": plan.id, "invoice_id": plan.invoice_id, "patient_id": plan.patient_id}
    publish(PaymentPlanUpdated(**about, status=plan.status))
