"""Reading payment plans, each by whose invoice it pays: as narrow as app/billing/queries.py is with invoices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.billing.models import Invoice, PaymentPlan
from app.billing.queries import visible_invoices
from app.core.errors import NotFound
from app.core.tenant import db


def visible_plans(statement: Any) -> Any:
    """Narrow a select over PaymentPlan to the plans of invoices that whoever asks may see."""
    return visible_invoices(statement.join(Invoice, Invoice.id == PaymentPlan.invoice_id))


def get_payment_plan(plan_id: str) -> PaymentPlan:
    """Raises NotFound, also for a plan that the person may not see."""
    plan = db.session.scalar(visible_plans(select(PaymentPlan).where(PaymentPlan.id == plan_id)))
    if plan is None:
        raise NotFound
    return plan
