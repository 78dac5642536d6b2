"""Another plan for a subscription: at once, with the unused part given back, or from the next period on."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import Plan, Subscription, SubscriptionPeriod, SubscriptionStatus
from app.billing.services.patient_credit import apply_credit
from app.billing.services.renewals import bill_next_period, pending_invoice, set_next_step, withdraw_pending
from app.billing.services.subscription_locks import lock_with_money
from app.billing.services.subscriptions import check_on_sale, refuse_second
from app.billing.services.unused import credit_unused
from app.billing.subscription_events import SubscriptionUpdated
from app.core import clock
from app.core.errors import Conflict
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish


class SamePlan(Conflict):
    """The subscription has this plan already."""

    code = "SAME_PLAN"


def change_plan_at_once(subscription_id: str, plan: Plan) -> Subscription:
    """Switch plans now. Raises NotFound, WrongState, SamePlan, PlanNotOnSale, AlreadySubscribed.

    In a trial the plan is swapped and the trial goes on. Else the unused part of the present period becomes credit,
    which pays for a first period of the new plan as far as it goes; that begins when nothing is due of it any more.
    """
    subscription = lock_with_money(subscription_id)
    _check(subscription, plan)
    withdraw_pending(subscription, _("Another plan was chosen."))
    if subscription.status == SubscriptionStatus.TRIALING:
        _swap(subscription, plan)
    else:
        _replace(subscription, plan)
    set_next_step(subscription)
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="plan"))
    return subscription


def change_plan_later(subscription_id: str, plan: Plan) -> Subscription:
    """The next period is of the other plan; a bill that is out already is made anew. Raises as above."""
    subscription = lock_with_money(subscription_id)
    if subscription.status != SubscriptionStatus.ACTIVE:
        raise WrongState(_("There is no period to wait for; change the plan at once."), status=subscription.status)
    _check(subscription, plan)
    billed = pending_invoice(subscription) is not None
    withdraw_pending(subscription, _("Another plan was chosen."))
    subscription.next_plan_id, subscription.next_plan = plan.id, plan
    if billed:
        bill_next_period(subscription)
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="plan"))
    return subscription


def _check(subscription: Subscription, plan: Plan) -> None:
    if not subscription.live:
        raise WrongState(_("This subscription has ended."), status=subscription.status)
    if plan.id == subscription.plan_id:
        raise SamePlan(_("The subscription has this plan already."))
    check_on_sale(plan)
    refuse_second(subscription.patient_id, plan.id)


def _swap(subscription: Subscription, plan: Plan) -> None:
    _put(subscription, plan)
    wanted = select(SubscriptionPeriod).where(
        SubscriptionPeriod.subscription_id == subscription.id, SubscriptionPeriod.number == 0
    )
    trial = db.session.scalar(wanted)
    if trial is not None:
        trial.plan_id, trial.quota = plan.id, subscription.quota


def _replace(subscription: Subscription, plan: Plan) -> None:
    credited = credit_unused(subscription, _("Unused part of %(plan)s", plan=subscription.plan.name))
    if subscription.status == SubscriptionStatus.ACTIVE:
        subscription.period_ends_at = clock.now()
        subscription.become(SubscriptionStatus.PAST_DUE)
        subscription.past_due_since, subscription.reminders = clock.now(), 0
    _put(subscription, plan)
    db.session.flush()
    bill_next_period(subscription)
    invoice = pending_invoice(subscription)
    if invoice is not None and credited:
        apply_credit(subscription.patient_id, [invoice.id], min(credited, invoice.amount_due))


def _put(subscription: Subscription, plan: Plan) -> None:
    """Visits that were used stay used; a smaller quota is used up by them."""
    subscription.quota = None if plan.quota is None else max(plan.quota, subscription.used)
    subscription.plan_id, subscription.plan, subscription.period = plan.id, plan, plan.period
    subscription.price_minor, subscription.currency = plan.price_minor, plan.currency
    subscription.next_plan_id, subscription.next_plan = None, None
