"""Charging a saved instrument without its owner: which one, and the patient's consent to it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import BooleanField, RadioField

from app.billing.models import PaymentPlan, Subscription
from app.billing.plan_queries import get_payment_plan
from app.billing.services import lock_plan
from app.billing.services.autopay import consent_words, set_autopay, standing_consent
from app.billing.services.subscription_locks import lock_row
from app.billing.subscription_queries import get_subscription
from app.core.errors import AppError
from app.core.page_form import PageForm
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.payments.models import PaymentMethod
from app.payments.services import methods_of

ASKED = ""  # nothing is charged: the patient is asked each time


class AutopayForm(PageForm):
    """What is charged, and that its owner agreed."""

    method = RadioField(lazy_gettext("What is charged"), validate_choice=True)
    agreed = BooleanField(lazy_gettext("The patient agreed to this"))

    @property
    def method_id(self) -> str | None:
        return self.method.data or None


class _AutopayPage(ActionView):
    """The page of one owner; who may update it may set it."""

    def _answer(self, owner: PaymentPlan | Subscription, lock: Any, back: str) -> Any:
        form, problem = _form(owner), ""
        if form.validate_on_submit():
            problem = _consent_missing(form, owner)
            try:
                if not problem:
                    return self._set(owner.id, form, lock, back)
            except AppError as error:
                problem = " ".join(str(text) for text in (error.fields or {}).values()) or str(error.message)
        page = self.render(
            "billing/autopay.html",
            owner=owner,
            form=form,
            back=back,
            problem=problem,
            words=consent_words(owner),
            consent=standing_consent(owner),
        )
        return (page, 422) if problem or form.errors else page

    def _set(self, owner_id: str, form: AutopayForm, lock: Any, back: str) -> Any:
        with unit_of_work():
            set_autopay(lock(owner_id), form.method_id)
        done = _("Charged by itself from now on.") if form.method_id else _("The patient is asked each time.")
        flash(done, "success")
        return redirect(back)


class SubscriptionAutopayView(_AutopayPage):
    """Of a subscription, when it falls due."""

    class_permission_name = "subscription"
    route_base = "/billing/subscription-autopay"
    default_view = "subscription"

    @expose("/<id:subscription_id>", methods=["GET", "POST"])
    def subscription(self, subscription_id: str) -> Any:
        self.require("update")
        back = url_for("SubscriptionView.show", pk=subscription_id)
        return self._answer(get_subscription(subscription_id), lock_row, back)


class PaymentPlanAutopayView(_AutopayPage):
    """Of a payment plan, each instalment on its day."""

    class_permission_name = "payment_plan"
    route_base = "/billing/payment-plan-autopay"
    default_view = "plan"

    @expose("/<id:payment_plan_id>", methods=["GET", "POST"])
    def plan(self, payment_plan_id: str) -> Any:
        self.require("update")
        back = url_for("PaymentPlanView.show", pk=payment_plan_id)
        return self._answer(get_payment_plan(payment_plan_id), lock_plan, back)


def _form(owner: PaymentPlan | Subscription) -> AutopayForm:
    form = AutopayForm(method=owner.autopay_method_id or ASKED)
    choices = [(method.id, _described(method)) for method in methods_of(owner.patient_id)]
    form.method.choices = [(ASKED, _("Nothing: the patient is asked each time")), *choices]
    return form


def _described(method: PaymentMethod) -> str:
    if method.expires_year is None or method.expires_month is None:
        return str(method)
    return _("%(method)s, valid until %(month)s/%(year)s",
             method=method, month=f"{method.expires_month:02}", year=method.expires_year)  # fmt: skip


def _consent_missing(form: AutopayForm, owner: PaymentPlan | Subscription) -> str:
    changes = form.method_id not in (None, owner.autopay_method_id)
    return _("Ask the patient first, and tick that they agreed.") if changes and not form.agreed.data else ""
