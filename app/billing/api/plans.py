"""API of plans (SPEC BIL-1)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.billing.api.bodies import amount_of
from app.billing.api.subscription_bodies import PlanChanges, PlanContent, PlanQuery
from app.billing.api.subscription_shapes import show_plan
from app.billing.models import Plan
from app.billing.services.plans import change_plan, create_plan, retire_plan
from app.billing.subscription_queries import get_plan, plan_rows
from app.core.api import Api, endpoint
from app.core.cache.regions import BILLING_PLANS
from app.core.errors import Invalid
from app.core.paging import is_first_page, page
from app.core.principal import own_patient_id
from app.tenancy.cache import kept

PLAN = "/billing/plans/<id:plan_id>"
COLUMN_OF = {"covered_types": "types"}


class PlanApi(Api):
    """What the clinic offers by subscription; a PATIENT sees what is on offer."""

    openapi_tag = "Plans"

    @endpoint("POST", "/billing/plans", resource="plan", action="create", body=PlanContent, status=201, idempotent=True)
    def create(self, body: PlanContent) -> dict[str, Any]:
        """A new plan."""
        price = amount_of(body.price, body.currency, "price")
        assert price is not None
        return show_plan(create_plan(price=price, **_columns(body, set(PlanContent.model_fields))))

    @endpoint("GET", "/billing/plans", resource="plan", action="read", query=PlanQuery)
    def plans(self, query: PlanQuery) -> dict[str, Any]:
        """Plans by name."""
        if not is_first_page(query):
            return _page(query)
        seen_by = "patient" if own_patient_id() is not None else "staff"
        answer: dict[str, Any] = kept(BILLING_PLANS, f"{seen_by}:{query.limit}", lambda: _page(query))
        return answer

    @endpoint("GET", PLAN, resource="plan", action="read")
    def plan(self, plan_id: str) -> dict[str, Any]:
        """One plan."""
        return show_plan(get_plan(plan_id))

    @endpoint("PUT", PLAN, resource="plan", action="update", body=PlanChanges)
    def change(self, plan_id: str, body: PlanChanges) -> dict[str, Any]:
        """Change what is named; 409 for an archived plan, and for the period of a plan that somebody has."""
        named = body.model_fields_set
        if "name" in named and not body.name:
            raise Invalid(fields={"name": _("This must not be empty.")})
        price = amount_of(body.price, body.currency, "price")
        return show_plan(change_plan(get_plan(plan_id), price=price, **_columns(body, named)))

    @endpoint("DELETE", PLAN, resource="plan", action="delete")
    def delete(self, plan_id: str) -> None:
        """Delete a plan; one that somebody has or had is archived instead."""
        retire_plan(get_plan(plan_id))


def _page(query: PlanQuery) -> dict[str, Any]:
    rows = plan_rows(active=query.active, archived=query.archived)
    return page(rows, [Plan.name, Plan.id], query, show_plan)


def _columns(body: PlanContent, named: set[str]) -> dict[str, Any]:
    """The plan's columns by their own names."""
    wanted = named - {"price", "currency"}
    values = {COLUMN_OF.get(name, name): getattr(body, name) for name in wanted}
    if "types" in values:
        values["types"] = sorted(set(values["types"]))
    return values
