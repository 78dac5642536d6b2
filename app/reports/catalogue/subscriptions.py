"""Subscriptions as they stand today: how many there are, what they bring a month, how many end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _

from app.billing.subscription_figures import churn_by_month, count_by_status, figures_by_plan, monthly_revenue
from app.core.money import Money
from app.reports.base import Column, Filters, Report, Section
from app.tenancy.queries import settings_in_scope

MONTHS = 12
STATUSES = (Column("status", _("Status"), "status"), Column("count", _("Subscriptions"), "number"))
PLANS = (
    Column("plan", _("Plan")),
    Column("live", _("Running"), "number"),
    Column("active", _("Active"), "number"),
    Column("mrr", _("A month"), "money"),
)
ENDED = (
    Column("month", _("Month")),
    Column("before", _("Had begun before"), "number"),
    Column("lost", _("Ended"), "number"),
    Column("percent", _("Per cent"), "number"),
)


class Subscriptions(Report):
    """By status, by plan with what they bring a month before tax (MRR), and the share that ended (churn)."""

    name = "subscriptions"
    title = _("Subscriptions")
    lede = _("How many there are today, what they bring a month before tax, how many end.")
    dated = False
    clinic_wide = True

    def sections(self, filters: Filters) -> list[Section]:
        counts = count_by_status()
        states = [{"status": status, "count": number} for status, number in counts.items()]
        return [
            Section(_("By status"), STATUSES, states, {"status": gettext("Total"), "count": sum(counts.values())}),
            _by_plan(),
            Section(_("Ended by month"), ENDED, _ended()),
        ]

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        plans = sections[1].rows
        return {
            "type": "bar",
            "labels": [row["plan"] for row in plans],
            "series": [{"name": gettext("A month"), "data": [float(row["mrr"].major) for row in plans]}],
            "format": {"currency": settings_in_scope().currency},
        }


def _by_plan() -> Section:
    rows: list[dict[str, Any]] = [
        {
            "plan": item.name,
            "live": item.live,
            "active": item.active,
            "mrr": item.mrr,
            "link": ("PlanView.show", item.plan_id),
        }
        for item in figures_by_plan()
    ]
    brought: Money = monthly_revenue()
    sums = {name: sum(row[name] for row in rows) for name in ("live", "active")}
    return Section(_("By plan"), PLANS, rows, {"plan": gettext("Total"), **sums, "mrr": brought})


def _ended() -> list[dict[str, Any]]:
    return [
        {
            "month": format_date(item.first, "MMM yyyy"),
            "before": item.before,
            "lost": item.lost,
            "percent": Decimal(str(item.percent)),
        }
        for item in reversed(churn_by_month(MONTHS))
    ]
