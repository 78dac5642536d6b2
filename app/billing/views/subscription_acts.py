"""What people do with a subscription on pages of their own: subscribe somebody, change the plan, cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import BooleanField, RadioField, StringField
from wtforms.validators import InputRequired, Length

from app.billing.forms import show_errors
from app.billing.models import COVERING, Plan, Subscription
from app.billing.services.plan_changes import change_plan_at_once, change_plan_later
from app.billing.services.renewals import pending_invoice
from app.billing.services.subscriptions import cancel_subscription, subscribe
from app.billing.services.unused import unused_part
from app.billing.subscription_queries import get_subscription
from app.core.errors import AppError, Invalid
from app.core.page_form import PageForm
from app.core.principal import may, own_patient_id
from app.core.transaction import unit_of_work
from app.core.views import ActionView, LookupField
from app.people.forms import choices_of
from app.people.models import Patient

NOW, LATER = "now", "later"


def _lookup(label: Any, model: Any, column: str) -> LookupField:
    url = lambda: url_for("SubscriptionView.lookup", column=column)  # noqa: E731
    return LookupField(label, model=model, url=url, validators=[InputRequired()])


class SubscribeForm(PageForm):
    """Who subscribes to what."""

    patient = _lookup(lazy_gettext("Patient"), Patient, "patient")
    plan = _lookup(lazy_gettext("Plan"), Plan, "plan")
    auto_renew = BooleanField(lazy_gettext("Renews by itself"), default=True)


class ChangePlanForm(PageForm):
    """Which plan from when on."""

    plan = _lookup(lazy_gettext("New plan"), Plan, "plan")
    when = RadioField(
        lazy_gettext("From when on"),
        choices=choices_of(
            {
                NOW: lazy_gettext("Now; the unused part pays for the new plan"),
                LATER: lazy_gettext("From the next period on"),
            }
        ),
        default=NOW,
    )


class CancelForm(PageForm):
    """When and why it ends."""

    when = RadioField(
        lazy_gettext("When it ends"),
        choices=choices_of({LATER: lazy_gettext("With the paid period"), NOW: lazy_gettext("Now")}),
        default=LATER,
    )
    give_back = BooleanField(
        lazy_gettext("Make the unused part the patient's credit"), description=lazy_gettext("Only if it ends now.")
    )
    reason = StringField(lazy_gettext("Reason"), validators=[Length(max=300)])


class SubscriptionActsView(ActionView):
    """Deeds that need more than a click."""

    class_permission_name = "subscription"
    route_base = "/billing/subscription"
    default_view = "create"

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> Any:
        """`?_flt_0_patient=<id>` starts with that patient."""
        self.require("create")
        form = SubscribeForm()
        if request.method == "GET":
            form.patient.process_formdata([own_patient_id() or request.args.get("_flt_0_patient", "")])
        return self._answer(form, _("New subscription"), lambda: self._subscribed(form))

    def _subscribed(self, form: SubscribeForm) -> str:
        made = subscribe(form.patient.data.id, form.plan.data, auto_renew=form.auto_renew.data)
        invoice = pending_invoice(made)
        flash(_("Subscribed."), "success")
        if invoice is not None and may("invoice", "mark-paid"):
            return url_for("InvoiceActsView.collect", invoice_id=invoice.id)
        return _record(made.id)

    @expose("/<id:subscription_id>/plan", methods=["GET", "POST"])
    def change_plan(self, subscription_id: str) -> Any:
        """Another plan, now or later."""
        self.require("update")
        subscription, form = get_subscription(subscription_id), ChangePlanForm()

        def change() -> str:
            later = form.when.data == LATER
            changed = (change_plan_later if later else change_plan_at_once)(subscription_id, form.plan.data)
            flash(_("The plan is changed."), "success")
            invoice = pending_invoice(changed)
            if invoice is not None and not later and may("invoice", "mark-paid"):
                return url_for("InvoiceActsView.collect", invoice_id=invoice.id)
            return _record(subscription_id)

        return self._answer(form, _("Change plan"), change, subscription)

    @expose("/<id:subscription_id>/cancel", methods=["GET", "POST"])
    def cancel(self, subscription_id: str) -> Any:
        """End it now or with the period."""
        self.require("cancel")
        subscription, form = get_subscription(subscription_id), CancelForm()
        if own_patient_id() is not None:
            del form.give_back
        if subscription.status not in COVERING:
            form.when.choices = choices_of({NOW: _("Now")})
            form.when.data = NOW

        def end() -> str:
            give_back = bool(form.give_back.data) if "give_back" in form else False
            at_end = form.when.data == LATER
            cancel_subscription(
                subscription_id, form.reason.data or "", at_period_end=at_end, give_unused_back=give_back and not at_end
            )
            flash(_("It ends with the period.") if at_end else _("The subscription has ended."), "success")
            return _record(subscription_id)

        return self._answer(form, _("Cancel subscription"), end, subscription)

    def _answer(self, form: Any, title: str, deed: Callable[[], str], subscription: Subscription | None = None) -> Any:
        """The page, or after a valid form the deed in one unit of work; its refusal stands beside the fields."""
        subscription_id = subscription.id if subscription is not None else None
        problem = ""
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    target = deed()
                return redirect(target)
            except Invalid as error:
                problem = " ".join(show_errors(form, error.fields)) or ("" if form.errors else str(error.message))
            except AppError as error:
                problem = str(error.message)
        shown = get_subscription(subscription_id) if subscription_id is not None else None
        unused = unused_part(shown) if shown is not None else None
        page = self.render(
            "billing/subscription_act.html",
            subscription=shown,
            unused=unused,
            form=form,
            title=title,
            problem=problem,
            ends=isinstance(form, CancelForm),
        )
        return (page, 422) if problem or form.errors else page


def _record(subscription_id: str) -> str:
    return url_for("SubscriptionView.show", pk=subscription_id)
