"""API of the figures of subscriptions (SPEC REP-1)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.billing.subscription_figures import (
    CHURN_DAYS,
    MOST_MONTHS,
    churn_by_month,
    churn_of_last_days,
    count_by_status,
    figures_by_plan,
    monthly_revenue,
)
from app.core.api import Api, Body, endpoint


class FiguresQuery(Body):
    months: int = Field(12, ge=1, le=MOST_MONTHS, description="How many months of churn, the present one included.")


class SubscriptionAnalyticsApi(Api):
    """How many subscriptions there are, what they bring a month, how many end."""

    openapi_tag = "Analytics"

    @endpoint("GET", "/billing/analytics/subscriptions", resource="analytics", action="read", query=FiguresQuery)
    def subscriptions(self, query: FiguresQuery) -> dict[str, Any]:
        """Subscriptions by status and plan, monthly recurring revenue before tax, churn in per cent."""
        counts, recent, revenue = count_by_status(), churn_of_last_days(), monthly_revenue()
        return {
            "active": counts["ACTIVE"],
            "trialing": counts["TRIALING"],
            "pastDue": counts["PAST_DUE"],
            "cancelled": counts["CANCELLED"],
            "expired": counts["EXPIRED"],
            "total": sum(counts.values()),
            "mrr": revenue.to_json(),
            "currency": revenue.currency,
            "churn": recent.percent,
            "churnDays": CHURN_DAYS,
            "churnByMonth": [_churn(item) for item in churn_by_month(query.months)],
            "byPlan": [
                {"planId": item.plan_id, "name": item.name, "live": item.live, "active": item.active,
                 "mrr": item.mrr.to_json()}
                for item in figures_by_plan()
            ],
        }  # fmt: skip


def _churn(item: Any) -> dict[str, Any]:
    return {"month": f"{item.first:%Y-%m}", "before": item.before, "lost": item.lost, "percent": item.percent}
