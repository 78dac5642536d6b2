"""Taking one instalment now: from the saved method where the plan and its gateway allow it, else by a pay link."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from app.billing.models import RUNNING, Instalment, PaymentPlan
from app.billing.services.autopay import charge_instalment
from app.billing.services.payment_plans import lock_plan
from app.billing.services.reminders import ask_for_instalment
from app.core.errors import Conflict
from app.core.money import Money
from app.core.transaction import unit_of_work


@dataclass(frozen=True)
class Processed:
    """What was done for which instalment: a charge (`payment_id`), or a pay link that was sent."""

    instalment_id: str
    amount: Money
    payment_id: str | None = None
    pay_url: str | None = None


def process_plan(plan_id: str) -> Processed:
    """Take the next open instalment of a plan. Commits in steps: call it outside any unit of work.

    A charge that fails falls back to a pay link. Raises NotFound, Conflict for a plan that is over.
    """
    with unit_of_work():
        plan = lock_plan(plan_id)
        following = _next(plan)
        instalment_id, amount, autopay = following.id, following.outstanding, plan.autopay
    payment_id = charge_instalment(instalment_id) if autopay else None
    if payment_id is not None:
        return Processed(instalment_id, amount, payment_id=payment_id)
    with unit_of_work():
        plan = lock_plan(plan_id)
        following = _next(plan)
        address = ask_for_instalment(plan, following)
        return Processed(following.id, following.outstanding, pay_url=address)


def _next(plan: PaymentPlan) -> Instalment:
    following = plan.next_instalment
    if plan.status not in RUNNING or following is None:
        raise Conflict(_("This plan is over."), code="PLAN_OVER", status=plan.status)
    return following
