"""Charging what a patient agreed to have charged: instalments on their day, a subscription when it falls due.

Nobody is asked to pay while a charge is under way. One that fails is told like any other debt, and tried again on the
next of the clinic's days. Callers commit; a worker charges after that.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import (
    OWED,
    Instalment,
    Invoice,
    PaymentPlan,
    Subscription,
    SubscriptionPeriod,
)
from app.core.errors import Invalid, NotFound
from app.core.money import Money
from app.core.tenant import db
from app.payments.models import PaymentMethod
from app.payments.services import begin_charge, charge_under_way, get_method


def set_autopay(owner: PaymentPlan | Subscription, method_id: str | None) -> None:
    """Charge an instrument of the owner's own patient from now on; None stops it. Raises Invalid."""
    if method_id is not None:
        try:
            found = get_method(method_id)
        except NotFound:
            found = None
        if found is None or found.patient_id != owner.patient_id:
            raise Invalid(fields={"autopayMethodId": _("The patient has no such saved method.")})
    owner.autopay_method_id = method_id
    db.session.flush()


def charge_instalment(instalment: Instalment) -> bool:
    """Begin to charge what is open of a locked plan's instalment; False where the patient must be asked instead."""
    plan = instalment.plan
    return _charge(plan.autopay_method_id, plan.invoice, min(instalment.outstanding, plan.invoice.amount_due))


def charge_subscription(subscription: Subscription) -> bool:
    """Begin to charge the unpaid bill of a locked subscription; False where the patient must be asked instead."""
    wanted = (
        select(Invoice)
        .join(SubscriptionPeriod, SubscriptionPeriod.invoice_id == Invoice.id)
        .where(
            SubscriptionPeriod.subscription_id == subscription.id,
            SubscriptionPeriod.number == subscription.period_number + 1,
            Invoice.status.in_(OWED),
        )
    )
    invoice = db.session.scalar(wanted)
    return invoice is not None and _charge(subscription.autopay_method_id, invoice, invoice.amount_due)


def _charge(method_id: str | None, invoice: Invoice, amount: Money) -> bool:
    method = db.session.get(PaymentMethod, method_id) if method_id else None
    if method is None or method.removed_at is not None or amount.minor <= 0:
        return False
    if not charge_under_way(invoice.id):
        description = _("Invoice %(number)s", number=invoice.number)
        begin_charge(method, amount, invoice_id=invoice.id, description=description)
    return True
