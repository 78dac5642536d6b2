"""Reading plans and subscriptions; a PATIENT sees what is on offer and what is theirs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.billing.models import (
    COVERING,
    Coverage,
    CoverageStatus,
    Plan,
    Subscription,
    SubscriptionPeriod,
)
from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import Appointment

PLAN_COLUMNS = (
    Plan.id,
    Plan.name,
    Plan.description,
    Plan.currency,
    Plan.price_minor,
    Plan.period,
    Plan.trial_days,
    Plan.quota,
    Plan.types,
    Plan.tax_rate_id,
    Plan.hsn,
    Plan.active,
    Plan.archived_at,
    Plan.created_at,
)
SHOWN = (
    "id", "patient_id", "plan_id", "next_plan_id", "autopay_method_id", "status", "currency", "price_minor", "period",
    "quota", "used", "period_number", "period_starts_at", "period_ends_at", "trial_ends_at", "started_at", "auto_renew",
    "cancel_at_period_end", "past_due_since", "cancel_reason", "ended_at", "created_at",
)  # fmt: skip
SUBSCRIPTION_COLUMNS = (
    *(getattr(Subscription, name) for name in SHOWN),
    Plan.name.label("plan_name"),
    Plan.types,
)
VISIT_COLUMNS = (
    Coverage.id,
    Coverage.created_at,
    Coverage.status.label("coverage"),
    Coverage.period_number,
    Appointment.id.label("appointment_id"),
    Appointment.status,
    Appointment.type,
    Appointment.starts_at,
    Appointment.ends_at,
    Appointment.doctor_id,
    Doctor.title,
    Doctor.first_name,
    Doctor.last_name,
)


def get_plan(plan_id: str) -> Plan:
    """Raises NotFound; for a PATIENT also for a plan that is not on offer."""
    plan = db.session.scalar(_offered(select(Plan).where(Plan.id == plan_id)))
    if plan is None:
        raise NotFound
    return plan


def plan_rows(*, active: bool | None = None, archived: bool = False) -> Any:
    """PLAN_COLUMNS of plans, those that were archived only if asked for."""
    wanted: Any = _offered(select(*PLAN_COLUMNS))
    if active is not None:
        wanted = wanted.where(Plan.active.is_(active))
    return wanted if archived else wanted.where(Plan.archived_at.is_(None))


def _offered(wanted: Any) -> Any:
    return wanted if own_patient_id() is None else wanted.where(Plan.active.is_(True))


def visible_subscriptions(wanted: Any) -> Any:
    """Narrow a select over Subscription to what whoever asks may see."""
    own = own_patient_id()
    return wanted if own is None else wanted.where(Subscription.patient_id == own)


def get_subscription(subscription_id: str) -> Subscription:
    """Raises NotFound, also for somebody else's."""
    wanted = visible_subscriptions(select(Subscription).where(Subscription.id == subscription_id))
    subscription = db.session.scalar(wanted)
    if subscription is None:
        raise NotFound
    return subscription


def subscription_rows(
    *, statuses: tuple[str, ...] = (), patient_id: str | None = None, plan_id: str | None = None
) -> Any:
    """SUBSCRIPTION_COLUMNS of visible subscriptions."""
    wanted: Any = select(*SUBSCRIPTION_COLUMNS).join(Plan, Plan.id == Subscription.plan_id)
    if statuses:
        wanted = wanted.where(Subscription.status.in_(statuses))
    if patient_id is not None:
        wanted = wanted.where(Subscription.patient_id == patient_id)
    if plan_id is not None:
        wanted = wanted.where(Subscription.plan_id == plan_id)
    return visible_subscriptions(wanted)


def active_subscription(patient_id: str) -> Subscription:
    """The one that pays for visits now; of several the one that ends last. Raises NotFound."""
    wanted = select(Subscription).where(Subscription.patient_id == patient_id, Subscription.status.in_(COVERING))
    newest = wanted.order_by(Subscription.period_ends_at.desc(), Subscription.id.desc()).limit(1)
    subscription = db.session.scalar(visible_subscriptions(newest))
    if subscription is None:
        raise NotFound(code="NO_ACTIVE_SUBSCRIPTION")
    return subscription


def covering_subscriptions(patient_id: str, appointment_type: str) -> list[Subscription]:
    """Those that may pay for such a visit now, the one that ends first in front."""
    wanted = (
        select(Subscription)
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(
            Subscription.patient_id == patient_id,
            Subscription.status.in_(COVERING),
            Plan.types.contains([appointment_type]),
            (Subscription.quota.is_(None)) | (Subscription.used < Subscription.quota),
        )
        .order_by(Subscription.period_ends_at, Subscription.id)
    )
    return list(db.session.scalars(visible_subscriptions(wanted)))


def visit_rows(subscription_id: str) -> Any:
    """VISIT_COLUMNS of what a subscription paid for, and of what was returned to it."""
    return (
        select(*VISIT_COLUMNS)
        .join(Appointment, Appointment.id == Coverage.appointment_id)
        .join(Doctor, Doctor.id == Appointment.doctor_id)
        .where(Coverage.subscription_id == subscription_id)
    )


def usage_of(subscription: Subscription) -> dict[str, Any]:
    """Counts of covered visits: of the present period by type, and ever by what became of them."""
    now = Coverage.counted.is_(True)
    grouped = (
        select(Appointment.type, Appointment.status, Coverage.status, func.count(), func.count().filter(now))
        .join(Appointment, Appointment.id == Coverage.appointment_id)
        .where(Coverage.subscription_id == subscription.id)
        .group_by(Appointment.type, Appointment.status, Coverage.status)
    )
    rows = db.session.execute(grouped).all()
    by_type: dict[str, int] = {}
    by_status: dict[str, int] = {}
    for type, status, _coverage, count, counted in rows:
        by_type[type] = by_type.get(type, 0) + counted
        by_status[status] = by_status.get(status, 0) + count
    return {
        "by_type": {type: count for type, count in by_type.items() if count},
        "by_status": by_status,
        "covered": sum(row[3] for row in rows if row[2] != CoverageStatus.RETURNED),
        "returned": sum(row[3] for row in rows if row[2] == CoverageStatus.RETURNED),
    }


def periods_of(subscription_id: str) -> list[SubscriptionPeriod]:
    """The newest first."""
    wanted = select(SubscriptionPeriod).where(SubscriptionPeriod.subscription_id == subscription_id)
    return list(db.session.scalars(wanted.order_by(SubscriptionPeriod.number.desc())))
