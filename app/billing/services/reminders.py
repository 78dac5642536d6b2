"""Reminders of overdue invoices and instalments: one per step and channel, however often a job looks.

A step is a number of days after the due date (clinic settings). Of several steps that were missed only the last is
sent. The step stands on the row and is written in the transaction that queues the messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import and_, or_, select

from app.billing.models import OWED, RUNNING, Instalment, Invoice, PaymentPlan, SubscriptionPeriod
from app.billing.notices import addresses, wants_peace
from app.billing.papers import day_text
from app.billing.services.autopay import charge_instalment
from app.billing.services.invoices import lock_invoice
from app.billing.services.pay_links import make_pay_link
from app.billing.services.payment_plans import default_if_too_late, lock_plan
from app.core import clock
from app.core.formatting import money
from app.core.i18n import written_for
from app.core.money import Money
from app.core.tenant import db
from app.messaging.services import queue_message
from app.people.models import Patient
from app.tenancy.queries import clinic_in_scope, settings_in_scope

PATIENCE = timedelta(days=7)  # a debt that was overdue for longer when we first looked is a person's to chase
MOST_AT_ONCE = 1000


def overdue_invoices() -> list[str]:
    """Invoices of the clinic in scope that are at a step which was not told.

    Payment plans and subscriptions have their own notices.
    """
    settings = settings_in_scope()
    steps, today = settings.reminder_steps, clock.today(settings.zone)
    if not steps:
        return []
    due = [and_(Invoice.due_on <= today - timedelta(days=step), Invoice.reminded_days < step) for step in steps]
    planned = select(PaymentPlan.invoice_id).where(PaymentPlan.status.in_(RUNNING))
    subscribed = select(SubscriptionPeriod.invoice_id).where(SubscriptionPeriod.invoice_id.is_not(None))
    wanted = select(Invoice.id).where(
        Invoice.status.in_(OWED),
        Invoice.due_on >= today - timedelta(days=steps[-1]) - PATIENCE,
        or_(*due),
        Invoice.id.not_in(planned),
        Invoice.id.not_in(subscribed),
    )
    return list(db.session.scalars(wanted.order_by(Invoice.due_on, Invoice.id).limit(MOST_AT_ONCE)))


def remind_invoice(invoice_id: str) -> bool:
    """Ask for what is overdue, with a pay link; whether it was this call that reached the step."""
    invoice = lock_invoice(invoice_id)
    settings = settings_in_scope()
    late = (clock.today(settings.zone) - invoice.due_on).days if invoice.due_on else 0
    step = max((step for step in settings.reminder_steps if step <= late), default=0)
    if invoice.status not in OWED or step <= invoice.reminded_days:
        return False
    invoice.reminded_days = step
    if not wants_peace(invoice.patient):
        _link, address = make_pay_link(invoice)
        about = {"invoice_id": invoice.id, "number": invoice.number or "", "days": str(late), "link": address}
        _tell(invoice.patient, "invoice_overdue", invoice.amount_due, about, f"invoice-overdue:{invoice.id}:{step}")
    db.session.flush()
    return True


def due_instalments() -> list[str]:
    """Running plans of the clinic in scope with an instalment that is due and not paid."""
    today = clock.today(settings_in_scope().zone)
    wanted = (
        select(PaymentPlan.id)
        .join(Instalment, Instalment.plan_id == PaymentPlan.id)
        .where(
            PaymentPlan.status.in_(RUNNING),
            Instalment.due_on <= today,
            Instalment.paid_minor < Instalment.amount_minor,
        )
    )
    return list(db.session.scalars(wanted.distinct().limit(MOST_AT_ONCE)))


def follow_plan(plan_id: str) -> bool:
    """Tell of instalments that are due or late, and note a default; whether there was anything."""
    plan = lock_plan(plan_id)
    late = list(_at_new_step(plan))
    for item in late:
        _tell_instalment(item)
    return default_if_too_late(plan) or bool(late)


def ask_for_instalment(plan: PaymentPlan, instalment: Instalment) -> str:
    """A pay link for one instalment of a locked plan, sent to the patient; its address."""
    _link, address = make_pay_link(plan.invoice, instalment=instalment)
    about = _about_instalment(plan, instalment, address)
    _tell(plan.patient, "instalment_due", instalment.outstanding, about, f"instalment-asked:{_link.id}")
    return address


def _at_new_step(plan: PaymentPlan) -> Iterator[Instalment]:
    """Instalments that are due, not paid and at a step that was not told."""
    if plan.status not in RUNNING:
        return
    for item in plan.instalments:
        if item.outstanding and _step(item) > item.told_days:
            yield item


def _step(item: Instalment) -> int:
    settings = settings_in_scope()
    late = item.days_late(clock.today(settings.zone))
    return max((step for step in settings.instalment_steps if step <= late), default=-1)


def _tell_instalment(item: Instalment) -> None:
    item.told_days = step = _step(item)
    if not charge_instalment(item):
        tell_instalment_due(item, step)
    db.session.flush()


def tell_instalment_due(item: Instalment, step: int) -> None:
    """Ask for an instalment with a pay link, once for each step."""
    if not wants_peace(item.plan.patient):
        _link, address = make_pay_link(item.plan.invoice, instalment=item)
        about = _about_instalment(item.plan, item, address)
        _tell(item.plan.patient, "instalment_due", item.outstanding, about, f"instalment-due:{item.id}:{step}")


def _about_instalment(plan: PaymentPlan, item: Instalment, address: str) -> dict[str, str]:
    with written_for(plan.patient.language):
        about = {"number": plan.invoice.number or "", "when": day_text(item.due_on), "link": address}
    return {**about, "invoice_id": plan.invoice_id, "instalment_id": item.id}


def _tell(patient: Patient, template: str, amount: Money, about: dict[str, str], key: str) -> None:
    with written_for(patient.language):
        variables = {"patient": patient.name, "amount": money(amount), "clinic": clinic_in_scope().name, **about}
    for channel, to in addresses(patient):
        queue_message(
            channel,
            to,
            template,
            variables,
            dedupe_key=key,
            patient_id=patient.id,
            language=patient.language,
        )
