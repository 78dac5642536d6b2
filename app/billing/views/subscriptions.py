"""The subscription desk: who has which plan, how much of it is used, when it renews."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import func

from app.billing.models import LIVE, Coverage, Plan, Subscription, SubscriptionPeriod, SubscriptionStatus
from app.billing.models.subscription import Usage
from app.billing.periods import period_name
from app.billing.services.autopay import standing_consent
from app.billing.services.renewals import pending_invoice
from app.billing.services.subscriptions import renew_subscription, reset_quota
from app.billing.subscription_figures import churn_by_month, monthly_minor
from app.billing.subscription_notices import confirm_again
from app.billing.views.plans import quota_words
from app.core.errors import Conflict
from app.core.navigation import describe_item
from app.core.tenant import db
from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.core.views.charts import LAST_MONTHS, chart_data
from app.core.views.hooks import hooks


def usage_bar(usage: Usage) -> Any:
    """'3 / 5' over a bar; the number alone where there is no quota."""
    if usage.quota is None:
        return Markup('<span class="usage">{}</span>').format(gettext("%(used)s used, unlimited", used=usage.used))
    words = gettext("%(used)s of %(quota)s visits used", used=usage.used, quota=usage.quota)
    bar = Markup('<progress class="progress" value="{}" max="{}" aria-label="{}"></progress>')
    return Markup('<span class="usage">{}{}</span>').format(str(usage), bar.format(usage.used, usage.quota, words))


class SubscriptionPeriodView(ReadOnlyView):
    """The periods of a subscription and what they were billed by."""

    model = SubscriptionPeriod
    class_permission_name = "subscription"
    list_title = _("Periods")
    base_order = ("number", "desc")
    list_columns = ["number", "plan", "starts_at", "ends_at", "price", "quota", "invoice"]
    show_columns = ["subscription", "number", "plan", "starts_at", "ends_at", "price", "quota", "used", "invoice"]
    search_columns = ["starts_at", "plan"]
    order_columns = ["number", "starts_at"]
    formatters_columns = {"number": str, "quota": quota_words}
    label_columns = {
        "number": _("Period"), "starts_at": _("From"), "ends_at": _("Until"), "price": _("Price before tax"),
        "quota": _("Visits"), "used": _("Used"), "plan": _("Plan"), "invoice": _("Invoice"),
        "subscription": _("Subscription"),
    }  # fmt: skip


class CoverageView(ReadOnlyView):
    """The visits that a subscription pays for."""

    model = Coverage
    class_permission_name = "subscription"
    list_title = _("Covered visits")
    list_columns = ["appointment", "status", "period_number", "created_at", "settled_at"]
    show_columns = ["subscription", "appointment", "status", "period_number", "created_at", "settled_at"]
    search_columns = ["status", "created_at"]
    order_columns = ["status", "created_at"]
    formatters_columns = {"period_number": str}
    label_columns = {
        "appointment": _("Visit"), "status": _("Cover"), "period_number": _("Period"), "created_at": _("Booked at"),
        "settled_at": _("Called off at"), "subscription": _("Subscription"),
    }  # fmt: skip


describe_item("SubscriptionView", shortcut="g u")


class SubscriptionView(ReadOnlyView):
    """Subscriptions of the clinic."""

    model = Subscription
    class_permission_name = "subscription"
    menu = ("Billing", _("Subscriptions"))
    menu_order = 12
    list_title = _("Subscriptions")
    base_order = ("created_at", "desc")
    list_columns = ["patient", "plan", "shown_status", "usage", "price", "period", "next_renewal_at", "created_at"]
    show_columns = [
        "patient", "plan", "shown_status", "usage", "price", "period", "period_starts_at", "period_ends_at",
        "next_renewal_at", "autopay", "next_plan", "trial_ends_at", "past_due_since", "reminders", "cancel_reason",
        "ended_at", "created_at",
    ]  # fmt: skip
    search_columns = ["status", "patient", "plan", "period_ends_at", "created_at"]
    order_columns = ["period_ends_at", "created_at"]
    formatters_columns = {"period": period_name, "usage": usage_bar, "reminders": str}
    label_columns = {
        "patient": _("Patient"),
        "plan": _("Plan"),
        "shown_status": _("Status"),
        "usage": _("Visits used"),
        "price": _("Price before tax"),
        "period": _("Period"),
        "next_renewal_at": _("Next renewal"),
        "period_starts_at": _("Period from"),
        "period_ends_at": _("Period until"),
        "autopay": _("Charged by itself"),
        "next_plan": _("Plan afterwards"),
        "trial_ends_at": _("Trial until"),
        "past_due_since": _("Unpaid since"),
        "reminders": _("Reminders sent"),
        "cancel_reason": _("Reason"),
        "ended_at": _("Ended at"),
    }
    list_template = "billing/subscription_list.html"
    show_template = "billing/subscription_show.html"
    related_views = [CoverageView, SubscriptionPeriodView]
    charts = (
        Chart("status", _("Subscriptions by status"), lambda: Subscription.status, kind="doughnut"),
        Chart(
            "plan",
            _("Running subscriptions by plan"),
            lambda: Subscription.plan_id,
            only=lambda: Subscription.status.in_(LIVE),
            words=lambda plan_id: _plan_name(plan_id),
            kind="bar-flat",
        ),
        Chart(
            "mrr",
            _("Monthly revenue by plan"),
            lambda: Subscription.plan_id,
            value=lambda: func.round(func.sum(monthly_minor())),
            value_name=_("A month"),
            only=lambda: Subscription.status == SubscriptionStatus.ACTIVE,
            words=lambda plan_id: _plan_name(plan_id),
            kind="bar-flat",
            minor=True,
        ),
        monthly("started", _("Begun by month"), Subscription.started_at),
    )

    def render_template(self, template: str, **context: Any) -> str:
        """A record knows what is owed for it, and what its patient agreed to."""
        if "item" in context:
            context["owed"] = pending_invoice(context["item"])
            context["consent"] = standing_consent(context["item"])
        return str(super().render_template(template, **context))

    @expose("/chart/", methods=["GET"])
    @has_access
    def chart(self) -> str:
        """The generated charts, and the share that ended month by month."""
        currency = hooks().currency()
        shown = [(item, chart_data(item, self._chart_rows(item), currency)) for item in self.charts]
        shown.append((CHURN, _churn_data()))
        return self.render_template(
            "base/charts.html", title=self.list_title, charts=shown, list_endpoint=self.endpoint
        )

    @row_action("renew", _("Renew"), confirm=_("Bill the next period now?"), single=False)
    def renew(self, subscription: Subscription) -> Any:
        renewed = renew_subscription(subscription.id)
        invoice = pending_invoice(renewed)
        if invoice is None:
            return gettext("The new period has begun.")
        return gettext("Invoice %(number)s is open; the period begins when it is paid.", number=invoice.number)

    @row_action("send-confirmation", _("Send confirmation"), single=False)
    def send_confirmation(self, subscription: Subscription) -> Any:
        if not confirm_again(subscription):
            raise Conflict(gettext("The patient has no address for this."))
        return gettext("Queued; see the outbox.")

    @row_action("reset-quota", _("Reset quota"), confirm=_("Give the whole quota of this period again?"), single=False)
    def reset_quota(self, subscription: Subscription) -> Any:
        reset_quota(subscription.id)
        return gettext("The whole quota is there again.")


CHURN = Chart("churn", _("Ended by month, in per cent"), lambda: Subscription.ended_at)


def _churn_data() -> dict[str, Any]:
    """Of those that had begun before a month, how many ended in it."""
    months = hooks().keep(
        "subscriptions.churn", lambda: [[f"{i.first}", i.percent] for i in churn_by_month(LAST_MONTHS)]
    )
    return {
        "type": "line",
        "labels": [format_date(date.fromisoformat(first), "MMM yyyy") for first, _percent in months],
        "series": [{"name": gettext("Per cent"), "data": [percent for _first, percent in months]}],
    }


def _churn_rows() -> list[list[Any]]:
    return [[f"{item.first}", item.percent] for item in churn_by_month(LAST_MONTHS)]


def _plan_name(plan_id: str) -> str:
    plan = db.session.get(Plan, plan_id)
    return plan.name if plan else "–"
