"""Taking one instalment now, by a pay link over what is open of it. Callers commit."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from app.billing.models import RUNNING
from app.billing.services.payment_plans import lock_plan
from app.billing.services.reminders import ask_for_instalment
from app.core.errors import Conflict
from app.core.money import Money


@dataclass(frozen=True)
class Processed:
    """The instalment that was asked for, and its pay link's address: known now and never again."""

    instalment_id: str
    amount: Money
    pay_url: str


def process_plan(plan_id: str) -> Processed:
    """Ask the patient for the next open instalment. Raises NotFound, Conflict for a plan that is over."""
    plan = lock_plan(plan_id)
    following = plan.next_instalment
    if plan.status not in RUNNING or following is None:
        raise Conflict(_("This plan is over."), code="PLAN_OVER", status=plan.status)
    return Processed(following.id, following.outstanding, ask_for_instalment(plan, following))
