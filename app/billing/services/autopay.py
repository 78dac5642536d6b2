"""Charging what a patient agreed to have charged: instalments on their day, a subscription when it falls due.

Nobody is asked to pay while a charge is under way. One that fails is told like any other debt, and tried again on the
next of the clinic's days. Callers commit; a worker charges after that.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.audit.services import last_entry, record
from app.billing.models import (
    OWED,
    RUNNING,
    Instalment,
    Invoice,
    PaymentPlan,
    Subscription,
    SubscriptionPeriod,
)
from app.core.errors import Invalid, NotFound
from app.core.formatting import money
from app.core.money import Money
from app.core.state import WrongState
from app.core.tenant import db
from app.payments.models import PaymentMethod
from app.payments.services import begin_charge, charge_under_way, get_method

AGREED, STOPPED = "autopay_agreed", "autopay_stopped"


def set_autopay(owner: PaymentPlan | Subscription, method_id: str | None) -> None:
    """Charge an instrument of the owner's own patient from now on; None stops it. Raises Invalid, WrongState.

    The caller vouches that the patient agreed: the trail keeps who said so, when, and in which words.
    """
    if method_id == owner.autopay_method_id:
        return
    if method_id is None:
        _note(owner, STOPPED, _("Nothing is charged without the patient any more."))
    else:
        method = _own_method(owner, method_id)
        if not _runs(owner):
            raise WrongState(_("This is over; there is nothing to charge."), status=owner.status)
        _note(owner, AGREED, consent_words(owner, method))
    owner.autopay_method_id = method_id
    db.session.flush()


def consent_words(owner: PaymentPlan | Subscription, method: PaymentMethod | None = None) -> str:
    """What the patient agrees to; of no instrument in particular while none is chosen."""
    by = str(method) if method is not None else _("The chosen instrument")
    if isinstance(owner, PaymentPlan):
        due = _("%(amount)s of invoice %(number)s, each instalment on its day",
                amount=money(owner.outstanding), number=owner.invoice.number)  # fmt: skip
    else:
        due = _("the price of %(plan)s with tax, now %(amount)s before tax, whenever a period falls due",
                plan=owner.plan, amount=money(owner.price))  # fmt: skip
    return _("%(instrument)s is charged without asking again: %(due)s. The patient can stop it at any time.",
             instrument=by, due=due)  # fmt: skip


def standing_consent(owner: PaymentPlan | Subscription) -> AuditEntry | None:
    """Who told when that the patient agreed to what is charged now."""
    if owner.autopay is None or owner.autopay.removed_at is not None:
        return None
    return last_entry(AGREED, owner.__tablename__, owner.id)


def _own_method(owner: PaymentPlan | Subscription, method_id: str) -> PaymentMethod:
    try:
        found = get_method(method_id)
    except NotFound:
        found = None
    if found is None or found.patient_id != owner.patient_id:
        raise Invalid(fields={"autopayMethodId": _("The patient has no such saved method.")})
    return found


def _runs(owner: PaymentPlan | Subscription) -> bool:
    return owner.status in RUNNING if isinstance(owner, PaymentPlan) else owner.live


def _note(owner: PaymentPlan | Subscription, action: str, words: str) -> None:
    record(action, owner.__tablename__, owner.id, reason=words)


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
