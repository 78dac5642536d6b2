"""The plans on offer. Callers commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import Plan, Subscription, SubscriptionPeriod
from app.billing.subscription_events import PlanCreated, PlanDeleted, PlanUpdated
from app.catalog.models import TaxRate
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.people.models import AppointmentType
from app.tenancy.queries import settings_in_scope


class PlanInUse(Conflict):
    """Somebody has the plan, so that this of it cannot change."""

    code = "PLAN_IN_USE"


class PlanArchived(Conflict):
    """The plan was withdrawn for good."""

    code = "PLAN_ARCHIVED"


def create_plan(*, price: Money, **columns: Any) -> Plan:
    """A plan in the clinic's currency. Raises Invalid."""
    plan = Plan(id=new_id())
    _write(plan, price, columns)
    db.session.add(plan)
    db.session.flush()
    publish(PlanCreated(plan_id=plan.id))
    return plan


def change_plan(plan: Plan, *, price: Money | None = None, **columns: Any) -> Plan:
    """Change a plan. Who has it keeps price and quota until the next renewal. Raises PlanArchived, PlanInUse, Invalid.

    The length of its period stays once somebody has it: what was billed for a month is not paid for a year.
    """
    if plan.archived_at is not None:
        raise PlanArchived(_("This plan was archived; make a new one."))
    if columns.get("period", plan.period) != plan.period and in_use(plan.id):
        raise PlanInUse(_("The period of a plan that somebody has cannot change; make a new plan."))
    _write(plan, price, columns)
    db.session.flush()
    publish(PlanUpdated(plan_id=plan.id))
    return plan


def retire_plan(plan: Plan) -> bool:
    """Delete a plan; one that somebody has or had is archived instead: True. A second call changes nothing."""
    if plan.archived_at is not None:
        return True
    used = in_use(plan.id)
    if used:
        plan.archived_at, plan.active = clock.now(), False
    else:
        db.session.delete(plan)
    db.session.flush()
    publish(PlanDeleted(plan_id=plan.id, archived=used))
    return used


def in_use(plan_id: str) -> bool:
    """Whether anybody has or had the plan, or is to have it."""
    had = select(SubscriptionPeriod.id).where(SubscriptionPeriod.plan_id == plan_id)
    has = select(Subscription.id).where((Subscription.plan_id == plan_id) | (Subscription.next_plan_id == plan_id))
    return bool(db.session.scalar(select(has.exists() | had.exists())))


def _write(plan: Plan, price: Money | None, columns: dict[str, Any]) -> None:
    _check(price, columns)
    for name, value in columns.items():
        setattr(plan, name, value)
    if price is not None:
        plan.price_minor, plan.currency = price.minor, price.currency


def _check(price: Money | None, columns: dict[str, Any]) -> None:
    problems: dict[str, str] = {}
    expected = settings_in_scope().currency
    if price is not None and (price.minor < 0 or price.currency != expected):
        problems["price"] = _("A price is not negative and in %(currency)s.", currency=expected)
    if "types" in columns and not _known(columns["types"]):
        problems["coveredTypes"] = _("Name at least one kind of visit.")
    tax_rate_id = columns.get("tax_rate_id")
    if tax_rate_id and db.session.scalar(select(TaxRate.id).where(TaxRate.id == tax_rate_id)) is None:
        problems["taxRateId"] = _("There is no such tax.")
    if problems:
        raise Invalid(fields=problems)


def _known(types: Sequence[str]) -> bool:
    return bool(types) and set(types) <= set(AppointmentType)
