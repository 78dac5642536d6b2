"""API of payment plans (SPEC BIL-8)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from pydantic import ConfigDict, Field
from sqlalchemy import select

from app.billing.api.locking import locked_invoice
from app.billing.api.shapes import show_payment_plan
from app.billing.models import InstalmentInterval, PaymentPlan, PaymentPlanStatus
from app.billing.plan_queries import get_payment_plan, visible_plans
from app.billing.services import cancel_payment_plan, change_payment_plan, lock_plan, make_payment_plan
from app.billing.services.autopay import set_autopay
from app.billing.services.instalments import process_plan
from app.core.api import Api, Body, ListQuery, endpoint
from app.core.api_values import Day, Id
from app.core.errors import Invalid
from app.core.paging import page

PLAN = "/payment-plans/<id:payment_plan_id>"


class NewPaymentPlan(Body):
    """`instalments` equal parts of what is due; what does not divide is paid with the first."""

    invoice_id: Id
    instalments: int = Field(ge=2, le=36)
    interval: InstalmentInterval = InstalmentInterval.MONTH
    first_due_on: Day | None = Field(None, description="By default today.")
    notes: str = Field("", max_length=2000)
    autopay_method_id: Id | None = Field(None, description="A saved method that is charged on each day.")


class PaymentPlanChanges(Body):
    """What is left out stays. `status` can only become CANCELLED, with a reason."""

    model_config = ConfigDict(extra="forbid")

    notes: str | None = Field(None, max_length=2000)
    next_due_on: Day | None = Field(None, description="Moves every instalment that is not paid.")
    autopay_method_id: Id | None = Field(None, description="A saved method that is charged on each day; null: none.")
    status: PaymentPlanStatus | None = None
    reason: str = Field("", max_length=300)


class PaymentPlanQuery(ListQuery):
    status: PaymentPlanStatus | None = None
    patient_id: Id | None = None
    invoice_id: Id | None = None


class PaymentPlanApi(Api):
    """Invoices that are paid in instalments; a PATIENT sees their own."""

    openapi_tag = "Payment plans"

    @endpoint("GET", "/payment-plans", resource="payment_plan", action="read", query=PaymentPlanQuery)
    def plans(self, query: PaymentPlanQuery) -> dict[str, Any]:
        """Payment plans, the newest first."""
        wanted = visible_plans(select(PaymentPlan, PaymentPlan.created_at, PaymentPlan.id))
        for name in ("status", "patient_id", "invoice_id"):
            value = getattr(query, name)
            if value is not None:
                wanted = wanted.where(getattr(PaymentPlan, name) == value)
        keys = [PaymentPlan.created_at, PaymentPlan.id]
        return page(wanted, keys, query, lambda row: show_payment_plan(row.PaymentPlan), descending=True)

    @endpoint(
        "POST",
        "/payment-plans",
        resource="payment_plan",
        action="create",
        body=NewPaymentPlan,
        status=201,
        idempotent=True,
    )
    def create(self, body: NewPaymentPlan) -> dict[str, Any]:
        """Split what is due of an open invoice into instalments."""
        options = body.model_dump(exclude={"invoice_id", "instalments", "autopay_method_id"})
        plan = make_payment_plan(locked_invoice(body.invoice_id), body.instalments, **options)
        set_autopay(plan, body.autopay_method_id)
        return show_payment_plan(plan)

    @endpoint("GET", PLAN, resource="payment_plan", action="read")
    def plan(self, payment_plan_id: str) -> dict[str, Any]:
        """One plan with its instalments."""
        return show_payment_plan(get_payment_plan(payment_plan_id))

    @endpoint("PUT", PLAN, resource="payment_plan", action="update", body=PaymentPlanChanges)
    def change(self, payment_plan_id: str, body: PaymentPlanChanges) -> dict[str, Any]:
        """Change how a plan is paid, postpone it, or cancel it."""
        get_payment_plan(payment_plan_id)
        plan = lock_plan(payment_plan_id)
        if body.status not in (None, PaymentPlanStatus.CANCELLED):
            raise Invalid(fields={"status": _("A plan can only be cancelled.")})
        if body.status is not None:
            if not body.reason:
                raise Invalid(fields={"reason": _("Say why.")})
            return show_payment_plan(cancel_payment_plan(plan, body.reason))
        if "autopay_method_id" in body.model_fields_set:
            set_autopay(plan, body.autopay_method_id)
        options = body.model_dump(exclude={"status", "reason", "autopay_method_id"})
        return show_payment_plan(change_payment_plan(plan, **options))

    @endpoint("POST", f"{PLAN}/process", resource="payment_plan", action="process", idempotent=True)
    def process(self, payment_plan_id: str) -> dict[str, Any]:
        """Ask for the next instalment now: the patient is sent a pay link over what is open of it."""
        get_payment_plan(payment_plan_id)
        done = process_plan(payment_plan_id)
        return {
            "instalmentId": done.instalment_id,
            "amount": done.amount.to_json(),
            "currency": done.amount.currency,
            "payUrl": done.pay_url,
            "plan": show_payment_plan(get_payment_plan(payment_plan_id)),
        }
