"""Subscribing, renewing on request, and ending a subscription. Callers commit."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import COVERING, LIVE, Invoice, Plan, Subscription, SubscriptionPeriod, SubscriptionStatus
from app.billing.periods import add_periods
from app.billing.services.checkout import AlreadyPaid
from app.billing.services.renewals import (
    bill_next_period,
    forget_counted,
    pending_invoice,
    set_next_step,
    withdraw_pending,
)
from app.billing.services.subscription_locks import lock_row, lock_with_money
from app.billing.services.unused import credit_unused
from app.billing.subscription_events import SubscriptionCancelled, SubscriptionCreated, SubscriptionUpdated
from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish
from app.people.models import Patient
from app.scheduling.services import check_patient
from app.tenancy.queries import settings_in_scope


class PlanNotOnSale(Conflict):
    """The plan is switched off or archived."""

    code = "PLAN_NOT_ON_SALE"


class AlreadySubscribed(Conflict):
    """The patient has this plan already."""

    code = "ALREADY_SUBSCRIBED"


def subscribe(patient_id: str, plan: Plan, *, auto_renew: bool = True) -> Subscription:
    """A trial where the plan has one and the patient had none of it before, else the first bill; a free plan begins.

    Raises NotFound, Invalid for the patient, PlanNotOnSale, AlreadySubscribed.
    """
    check_patient(patient_id)
    check_on_sale(plan)
    refuse_second(patient_id, plan.id)
    had_before = db.session.scalar(select(_of(patient_id, plan.id).exists()))
    subscription = _new(patient_id, plan, auto_renew)
    if plan.trial_days and not had_before:
        _begin_trial(subscription, plan)
    else:
        subscription.status, subscription.past_due_since = SubscriptionStatus.PAST_DUE, clock.now()
    db.session.add(subscription)
    db.session.flush()
    publish(SubscriptionCreated.about(subscription))
    if subscription.status == SubscriptionStatus.TRIALING:
        _remember_trial(subscription)
    else:
        bill_next_period(subscription)
    set_next_step(subscription)
    db.session.flush()
    return subscription


def _new(patient_id: str, plan: Plan, auto_renew: bool) -> Subscription:
    return Subscription(
        id=new_id(),
        patient_id=patient_id,
        plan_id=plan.id,
        plan=plan,
        currency=plan.currency,
        price_minor=plan.price_minor,
        period=plan.period,
        quota=plan.quota,
        used=0,
        period_number=0,
        anchor_periods=0,
        auto_renew=auto_renew,
        cancel_at_period_end=False,
        reminders=0,
    )


def _begin_trial(subscription: Subscription, plan: Plan) -> None:
    now = clock.now()
    ends = add_periods(now, "DAY", plan.trial_days, settings_in_scope().zone)
    subscription.status = SubscriptionStatus.TRIALING
    subscription.trial_ends_at = subscription.anchored_at = subscription.period_ends_at = ends
    subscription.period_starts_at = now


def _remember_trial(subscription: Subscription) -> None:
    db.session.add(
        SubscriptionPeriod(
            id=new_id(),
            subscription_id=subscription.id,
            number=0,
            plan_id=subscription.plan_id,
            currency=subscription.currency,
            price_minor=0,
            quota=subscription.quota,
            used=0,
            starts_at=subscription.period_starts_at,
            ends_at=subscription.period_ends_at,
        )
    )


def check_on_sale(plan: Plan) -> None:
    if not plan.on_sale:
        raise PlanNotOnSale(_("This plan is not on offer any more."))


def refuse_second(patient_id: str, plan_id: str) -> None:
    """Raises AlreadySubscribed. The patient's row is locked, so that two desks cannot both see none."""
    db.session.execute(select(Patient.id).where(Patient.id == patient_id).with_for_update(key_share=True))
    known = db.session.scalar(_of(patient_id, plan_id).where(Subscription.status.in_(LIVE)))
    if known is not None:
        raise AlreadySubscribed(_("The patient has this plan already."), subscriptionId=known)


def _of(patient_id: str, plan_id: str) -> Any:
    return select(Subscription.id).where(Subscription.patient_id == patient_id, Subscription.plan_id == plan_id)


def renew_subscription(subscription_id: str) -> Subscription:
    """Bill the next period now; it begins when it is paid. An end that was planned is off. Raises NotFound, WrongState.

    One that expired runs again. For one that was cancelled the patient subscribes anew.
    """
    subscription = lock_with_money(subscription_id)
    if subscription.status == SubscriptionStatus.CANCELLED:
        raise WrongState(_("A cancelled subscription is not renewed; subscribe anew."), status=subscription.status)
    if subscription.status == SubscriptionStatus.EXPIRED:
        check_on_sale(subscription.plan)
        refuse_second(subscription.patient_id, subscription.plan_id)
    subscription.cancel_at_period_end, subscription.auto_renew = False, True
    bill_next_period(subscription)
    set_next_step(subscription)
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="renewal"))
    return subscription


def invoice_to_pay(subscription_id: str) -> Invoice:
    """What is owed for the next period; in a trial it is billed now. Raises NotFound, AlreadyPaid, WrongState."""
    subscription = lock_with_money(subscription_id)
    if subscription.status == SubscriptionStatus.CANCELLED:
        raise WrongState(_("This subscription has ended."), status=subscription.status)
    if subscription.status == SubscriptionStatus.TRIALING:
        bill_next_period(subscription)
    invoice = pending_invoice(subscription)
    if invoice is None and subscription.status == SubscriptionStatus.PAST_DUE:
        bill_next_period(subscription)
        invoice = pending_invoice(subscription)
    if invoice is None:
        raise AlreadyPaid(_("Nothing is due; renew the subscription to pay ahead."), status=subscription.status)
    return invoice


def set_terms(subscription: Subscription, *, auto_renew: bool) -> None:
    """Whether a locked live subscription goes on after its period. Raises WrongState."""
    _check_live(subscription)
    subscription.auto_renew = auto_renew
    if auto_renew:
        subscription.cancel_at_period_end = False
    set_next_step(subscription)
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="terms"))


def cancel_subscription(
    subscription_id: str, reason: str = "", *, at_period_end: bool = False, give_unused_back: bool = False
) -> Subscription:
    """End it now, or with the period that is paid. What is unpaid of the next one is taken back. Raises WrongState.

    Visits that it covers already stay covered. `give_unused_back` makes the unused part the patient's credit.
    """
    subscription = lock_with_money(subscription_id)
    _check_live(subscription)
    if at_period_end and subscription.status in COVERING:
        subscription.cancel_at_period_end, subscription.cancel_reason = True, reason[:300]
        withdraw_pending(subscription, _("The subscription ends."))
        set_next_step(subscription)
        db.session.flush()
        publish(SubscriptionUpdated.about(subscription, change="terms"))
        return subscription
    if give_unused_back:
        credit_unused(subscription, _("Unused part of the subscription"))
    end_subscription(subscription, SubscriptionStatus.CANCELLED, reason)
    return subscription


def end_subscription(
    subscription: Subscription, status: SubscriptionStatus, reason: str = "", *, unpaid: bool = False
) -> None:
    """The last step of a locked subscription: CANCELLED or EXPIRED."""
    withdraw_pending(subscription, _("The subscription ends."))
    subscription.become(status)
    subscription.ended_at, subscription.past_due_since, subscription.next_step_at = clock.now(), None, None
    subscription.cancel_reason = reason[:300] or subscription.cancel_reason
    db.session.flush()
    if status == SubscriptionStatus.CANCELLED:
        publish(SubscriptionCancelled.about(subscription, unpaid=unpaid))
    else:
        publish(SubscriptionUpdated.about(subscription, change="expired"))


def reset_quota(subscription_id: str) -> Subscription:
    """The whole quota again within the same period. Raises NotFound, WrongState."""
    subscription = lock_row(subscription_id)
    _check_live(subscription)
    forget_counted(subscription)
    db.session.flush()
    publish(SubscriptionUpdated.about(subscription, change="quota"))
    return subscription


def _check_live(subscription: Subscription) -> None:
    if not subscription.live:
        raise WrongState(_("This subscription has ended."), status=subscription.status)
