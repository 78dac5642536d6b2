"""Paying an invoice in instalments (SPEC BIL-8). Callers commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta
from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import PaymentPlanCreated, PaymentPlanDefaulted, PaymentPlanUpdated
from app.billing.models import (
    OWED,
    RUNNING,
    Instalment,
    InstalmentInterval,
    Invoice,
    PaymentPlan,
    PaymentPlanStatus,
)
from app.billing.services.invoices import lock_invoice
from app.billing.services.plan_progress import days_late, follow_invoice, move_plan
from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.tenant import db
from app.events.services import publish
from app.tenancy.queries import settings_in_scope

FEWEST, MOST = 2, 36
STEPS = {
    InstalmentInterval.WEEK: relativedelta(weeks=1),
    InstalmentInterval.FORTNIGHT: relativedelta(weeks=2),
    InstalmentInterval.MONTH: relativedelta(months=1),
}


def instalment_amounts(due: Money, count: int) -> list[Money]:
    """Equal parts; what does not divide is paid with the first."""
    part, rest = divmod(due.minor, count)
    return [Money(part + rest, due.currency)] + [Money(part, due.currency)] * (count - 1)


def due_dates(first: date, interval: str, count: int) -> list[date]:
    """Each counted from the first: monthly from 31 January gives 28 February and 31 March."""
    return [first + STEPS[InstalmentInterval(interval)] * at for at in range(count)]


def make_payment_plan(
    invoice: Invoice,
    count: int,
    *,
    first_due_on: date | None = None,
    interval: str = InstalmentInterval.MONTH,
    notes: str = "",
) -> PaymentPlan:
    """Split what is due of a locked, open invoice. Raises Conflict, Invalid."""
    _check_invoice(invoice)
    due, today = invoice.amount_due, clock.today(settings_in_scope().zone)
    first = first_due_on or today
    _check_schedule(due, count, first, today)
    plan = PaymentPlan(
        id=new_id(),
        patient_id=invoice.patient_id,
        invoice_id=invoice.id,
        status=PaymentPlanStatus.ACTIVE,
        interval=interval,
        currency=due.currency,
        total_minor=due.minor,
        baseline_minor=invoice.paid_minor + invoice.credited_minor,
        notes=notes,
        made_by_id=_actor(),
        instalments=_instalments(instalment_amounts(due, count), due_dates(first, interval, count)),
    )
    db.session.add(plan)
    db.session.flush()
    publish(PaymentPlanCreated(payment_plan_id=plan.id, invoice_id=plan.invoice_id, patient_id=plan.patient_id))
    return plan


def change_payment_plan(plan: PaymentPlan, *, notes: str | None = None, next_due_on: date | None = None) -> PaymentPlan:
    """Change a locked plan; `next_due_on` moves what is not paid yet. Raises Conflict, Invalid."""
    if plan.status not in RUNNING:
        raise Conflict(_("This plan is over."), code="PLAN_OVER", status=plan.status)
    plan.notes = plan.notes if notes is None else notes
    if next_due_on is not None:
        _postpone(plan, next_due_on)
    db.session.flush()
    _tell(plan)
    return plan


def cancel_payment_plan(plan: PaymentPlan, reason: str) -> PaymentPlan:
    """The invoice is due as a whole again. Raises WrongState."""
    if plan.status not in RUNNING:
        raise Conflict(_("This plan is over."), code="PLAN_OVER", status=plan.status)
    plan.cancel_reason = reason[:300]
    move_plan(plan, PaymentPlanStatus.CANCELLED)
    return plan


def lock_plan(plan_id: str) -> PaymentPlan:
    """The plan with its invoice locked before it. Raises NotFound."""
    invoice_id = db.session.scalar(select(PaymentPlan.invoice_id).where(PaymentPlan.id == plan_id))
    if invoice_id is None:
        raise NotFound
    lock_invoice(invoice_id)
    wanted = select(PaymentPlan).where(PaymentPlan.id == plan_id).with_for_update(of=PaymentPlan)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def default_if_too_late(plan: PaymentPlan) -> bool:
    """Whether a locked, active plan has just defaulted: its first open instalment is later than the clinic waits."""
    late_by = settings_in_scope().instalment_default_days
    if plan.status != PaymentPlanStatus.ACTIVE or plan.next_instalment is None or days_late(plan) < late_by:
        return False
    plan.defaulted_at = clock.now()
    move_plan(plan, PaymentPlanStatus.DEFAULTED)
    publish(PaymentPlanDefaulted(payment_plan_id=plan.id, invoice_id=plan.invoice_id, patient_id=plan.patient_id))
    return True


def _check_invoice(invoice: Invoice) -> None:
    if invoice.status not in OWED or not invoice.amount_due:
        raise Conflict(_("Only an open invoice is paid in instalments."), code="NOTHING_DUE", status=invoice.status)
    running = select(PaymentPlan.id).where(PaymentPlan.invoice_id == invoice.id, PaymentPlan.status.in_(RUNNING))
    known = db.session.scalar(running)
    if known is not None:
        raise Conflict(_("This invoice has a payment plan."), code="PLAN_EXISTS", planId=known)


def _check_schedule(due: Money, count: int, first: date, today: date) -> None:
    if not FEWEST <= count <= MOST or due.minor < count:
        raise Invalid(fields={"instalments": _("From %(fewest)s to %(most)s.", fewest=FEWEST, most=MOST)})
    if not today <= first <= today + timedelta(days=366):
        raise Invalid(fields={"firstDueOn": _("From today to a year ahead.")})


def _instalments(amounts: Sequence[Money], dates: Sequence[date]) -> list[Instalment]:
    return [
        Instalment(
            id=new_id(), position=at, due_on=due_on, currency=amount.currency, amount_minor=amount.minor, paid_minor=0
        )
        for at, (amount, due_on) in enumerate(zip(amounts, dates, strict=True), 1)
    ]


def _postpone(plan: PaymentPlan, first: date) -> None:
    today = clock.today(settings_in_scope().zone)
    if not today <= first <= today + timedelta(days=366):
        raise Invalid(fields={"nextDueOn": _("From today to a year ahead.")})
    unpaid = [item for item in plan.instalments if item.outstanding]
    for item, due_on in zip(unpaid, due_dates(first, plan.interval, len(unpaid)), strict=True):
        item.due_on, item.told_days = due_on, -1
    db.session.flush()
    follow_invoice(plan.invoice)


def _tell(plan: PaymentPlan) -> None:
    about = {"payment_plan_id": plan.id, "invoice_id": plan.invoice_id, "patient_id": plan.patient_id}
    publish(PaymentPlanUpdated(**about, status=plan.status))


def _actor() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None
