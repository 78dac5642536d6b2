"""Payment plans: the list, the schedule, and what one does with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import func

from app.billing.forms import PostponeForm, ReasonForm
from app.billing.models import Instalment, PaymentPlan
from app.billing.plan_queries import get_payment_plan
from app.billing.services import cancel_payment_plan, change_payment_plan, lock_plan
from app.billing.services.autopay import standing_consent
from app.billing.services.instalments import process_plan
from app.core.errors import AppError
from app.core.formatting import money
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, ReadOnlyView, monthly, row_action


class InstalmentView(ReadOnlyView):
    """The parts of plans."""

    model = Instalment
    class_permission_name = "payment_plan"
    list_title = _("Instalments")
    base_order = ("position", "asc")
    list_columns = ["position", "due_on", "amount", "paid", "shown_status", "paid_at"]
    show_columns = ["plan", "position", "due_on", "amount", "paid", "shown_status", "paid_at"]
    search_columns = ["due_on"]
    order_columns = ["position", "due_on"]
    label_columns = {
        "position": _("No."),
        "due_on": _("Due date"),
        "amount": _("Amount"),
        "paid": _("Paid"),
        "shown_status": _("Status"),
        "plan": _("Payment plan"),
    }


class PaymentPlanView(ReadOnlyView):
    """Invoices that are paid in instalments."""

    model = PaymentPlan
    class_permission_name = "payment_plan"
    menu = ("Billing", _("Payment plans"))
    menu_order = 44
    list_title = _("Payment plans")
    lede = _("Made on an invoice's page. Whatever settles the invoice pays the instalments in order.")
    list_columns = ["invoice", "patient", "status", "total", "paid", "outstanding", "next_due_on", "created_at"]
    show_columns = [
        "invoice", "patient", "status", "interval", "total", "paid", "outstanding", "next_due_on", "autopay", "notes",
        "cancel_reason", "created_at", "defaulted_at", "finished_at",
    ]  # fmt: skip
    search_columns = ["status", "patient", "invoice", "created_at"]
    order_columns = ["status", "created_at"]
    label_columns = {
        "interval": _("Every"),
        "total": _("Total"),
        "paid": _("Paid"),
        "outstanding": _("Outstanding"),
        "next_due_on": _("Next due date"),
        "autopay": _("Charged by itself"),
        "cancel_reason": _("Reason"),
    }
    related_views = [InstalmentView]
    show_template = "billing/payment_plan_show.html"
    charts = (
        Chart("status", _("Payment plans by status"), lambda: PaymentPlan.status, kind="doughnut"),
        monthly(
            "month",
            _("Agreed by month"),
            PaymentPlan.created_at,
            value=lambda: func.sum(PaymentPlan.total_minor),
            value_name=_("Agreed"),
            minor=True,
        ),
    )

    def render_template(self, template: str, **context: Any) -> str:
        """A record knows what its patient agreed to."""
        if "item" in context:
            context["consent"] = standing_consent(context["item"])
        return str(super().render_template(template, **context))

    @row_action("process", _("Take next instalment"), multiple=False)
    def process(self, plan: PaymentPlan) -> Any:
        amount = money(process_plan(plan.id).amount)
        return gettext("The patient was sent a pay link over %(amount)s.", amount=amount)


class PaymentPlanActsView(ActionView):
    """Deeds on one plan that need more than a click."""

    class_permission_name = "payment_plan"
    route_base = "/billing/payment-plan"

    @expose("/<id:payment_plan_id>/postpone", methods=["GET", "POST"])
    def postpone(self, payment_plan_id: str) -> Any:
        """Move what is not paid."""
        form = PostponeForm(next_due_on=get_payment_plan(payment_plan_id).next_due_on)
        return self._answer(
            payment_plan_id,
            form,
            gettext("Postpone"),
            lambda plan: change_payment_plan(plan, next_due_on=form.next_due_on.data),
        )

    @expose("/<id:payment_plan_id>/cancel", methods=["GET", "POST"])
    def cancel(self, payment_plan_id: str) -> Any:
        """The invoice is due as a whole again."""
        form = ReasonForm()
        return self._answer(
            payment_plan_id,
            form,
            gettext("Cancel plan"),
            lambda plan: cancel_payment_plan(plan, form.reason.data or ""),
        )

    def _answer(self, payment_plan_id: str, form: FlaskForm, title: str, deed: Callable[[PaymentPlan], Any]) -> Any:
        self.require("update")
        plan, problem = get_payment_plan(payment_plan_id), ""
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    deed(lock_plan(payment_plan_id))
                return redirect(url_for("PaymentPlanView.show", pk=payment_plan_id))
            except AppError as error:
                problem = " ".join(str(text) for text in (error.fields or {}).values()) or str(error.message)
                plan = get_payment_plan(payment_plan_id)
        page = self.render("billing/payment_plan_act.html", plan=plan, form=form, title=title, problem=problem)
        return (page, 422) if problem or form.errors else page
