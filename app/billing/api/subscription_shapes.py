"""How plans, subscriptions and covered visits look in JSON."""

from __future__ import annotations

from typing import Any

from app.billing.models import COVERING, Coverage, Subscription
from app.billing.periods import days_between
from app.billing.services.renewals import pending_invoice
from app.core import clock
from app.core.money import Money
from app.scheduling.models import Appointment
from app.tenancy.queries import settings_in_scope


def show_plan(row: Any) -> dict[str, Any]:
    """A plan, or a row of PLAN_COLUMNS."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "price": _major(row.price_minor, row.currency),
        "currency": row.currency,
        "period": row.period,
        "trialDays": row.trial_days,
        "quota": row.quota,
        "unlimited": row.quota is None,
        "coveredTypes": list(row.types),
        "taxRateId": row.tax_rate_id,
        "hsn": row.hsn or None,
        "active": row.active,
        "archived": row.archived_at is not None,
        "createdAt": row.created_at,
    }


def show_subscription(subscription: Subscription) -> dict[str, Any]:
    """One subscription with what is owed for it."""
    invoice = pending_invoice(subscription)
    due = invoice.amount_due if invoice is not None else Money.zero(subscription.currency)
    return {
        **_head(subscription, subscription.plan.name, subscription.plan.types),
        "pendingInvoiceId": invoice.id if invoice is not None else None,
        "amountDue": due.to_json(),
    }


def show_subscription_row(row: Any) -> dict[str, Any]:
    """A subscription in a list: a row of SUBSCRIPTION_COLUMNS."""
    return _head(row, row.plan_name, row.types)


def _head(row: Any, plan_name: str, types: Any) -> dict[str, Any]:
    ending = row.cancel_at_period_end or not row.auto_renew
    return {
        "id": row.id,
        "patientId": row.patient_id,
        "planId": row.plan_id,
        "planName": plan_name,
        "nextPlanId": row.next_plan_id,
        "autopayMethodId": row.autopay_method_id,
        "status": row.status,
        "price": _major(row.price_minor, row.currency),
        "currency": row.currency,
        "period": row.period,
        "quota": row.quota,
        "used": row.used,
        "remaining": None if row.quota is None else row.quota - row.used,
        "unlimited": row.quota is None,
        "coveredTypes": list(types),
        "periodNumber": row.period_number,
        "currentPeriodStart": row.period_starts_at,
        "currentPeriodEnd": row.period_ends_at,
        "nextRenewalAt": row.period_ends_at if row.status in COVERING and not ending else None,
        "trialEndsAt": row.trial_ends_at,
        "startedAt": row.started_at,
        "autoRenew": row.auto_renew,
        "cancelAtPeriodEnd": row.cancel_at_period_end,
        "cancelReason": row.cancel_reason or None,
        "pastDueSince": row.past_due_since,
        "endedAt": row.ended_at,
        "createdAt": row.created_at,
    }


def show_usage(subscription: Subscription, usage: dict[str, Any]) -> dict[str, Any]:
    """How much of the present period is used, and what became of all covered visits."""
    quota, used = subscription.quota, subscription.used
    ends = subscription.period_ends_at
    days_left = days_between(clock.now(), ends, settings_in_scope().zone) if ends else 0
    return {
        "subscriptionId": subscription.id,
        "status": subscription.status,
        "periodNumber": subscription.period_number,
        "currentPeriodStart": subscription.period_starts_at,
        "currentPeriodEnd": ends,
        "daysLeft": max(days_left, 0),
        "quota": quota,
        "used": used,
        "remaining": subscription.remaining,
        "unlimited": quota is None,
        "percentUsed": round(100 * used / quota, 1) if quota else None,
        "byType": usage["by_type"],
        "visits": {"covered": usage["covered"], "returned": usage["returned"], "byStatus": usage["by_status"]},
    }


def show_booked(subscription: Subscription, coverage: Coverage, visit: Appointment) -> dict[str, Any]:
    """A visit that is booked on a subscription, and what is left there."""
    return {
        "appointmentId": visit.id,
        "subscriptionId": subscription.id,
        "status": visit.status,
        "type": visit.type,
        "startsAt": visit.starts_at,
        "endsAt": visit.ends_at,
        "doctorId": visit.doctor_id,
        "patientId": visit.patient_id,
        "coverage": coverage.status,
        "used": subscription.used,
        "remaining": subscription.remaining,
    }


def show_visit_row(row: Any) -> dict[str, Any]:
    """A row of VISIT_COLUMNS."""
    return {
        "appointmentId": row.appointment_id,
        "status": row.status,
        "type": row.type,
        "startsAt": row.starts_at,
        "endsAt": row.ends_at,
        "doctorId": row.doctor_id,
        "doctorName": " ".join(part for part in (row.title, row.first_name, row.last_name) if part),
        "coverage": row.coverage,
        "periodNumber": row.period_number,
    }


def _major(minor: int, currency: str) -> int | float:
    return Money(minor, currency).to_json()
