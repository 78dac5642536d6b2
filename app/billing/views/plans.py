"""The plan desk: what is offered by subscription."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from app.billing.models import BillingPeriod, Plan
from app.billing.periods import WORDS, period_name
from app.billing.services.plans import change_plan, create_plan, retire_plan
from app.catalog.forms import AmountField
from app.core.amounts import read_money
from app.core.views import Chart, CrudView
from app.people.forms import TypesField, choices_of, text_field, values_of
from app.people.models import AppointmentType
from app.tenancy.queries import settings_in_scope

COLUMNS = ["name", "description", "price", "period", "trial_days", "quota", "types", "tax_rate", "hsn", "active"]


def quota_words(quota: int | None) -> str:
    return str(_("Unlimited")) if quota is None else str(quota)


def _fields() -> dict[str, Any]:
    return {
        "name": StringField(_("Name"), validators=[DataRequired(), Length(max=120)]),
        "description": TextAreaField(_("Description"), validators=[Length(max=2000)]),
        "price": AmountField(_("Price before tax"), validators=[InputRequired()]),
        "period": SelectField(_("Period"), choices=choices_of(WORDS), default=str(BillingPeriod.MONTH)),
        "trial_days": IntegerField(_("Trial (days)"), default=0, validators=[NumberRange(0, 366)]),
        "quota": IntegerField(
            _("Visits per period"),
            description=_("Empty: as many as one likes."),
            validators=[Optional(), NumberRange(1, 10_000)],
        ),
        "types": TypesField(
            _("Covered kinds of visit"), validators=[DataRequired()], default=[str(type) for type in AppointmentType]
        ),
        "hsn": text_field(_("HSN or SAC code"), 10),
    }


class PlanView(CrudView):
    """Plans; one that somebody has is archived instead of deleted."""

    model = Plan
    class_permission_name = "plan"
    menu = ("Billing", _("Plans"))
    menu_order = 13
    list_title = _("Plans")
    add_title = _("New plan")
    base_order = ("name", "asc")
    lede = _("What patients can subscribe to. A change of price or quota counts from the next renewal on.")
    list_columns = ["name", "plan_status", "price", "period", "quota", "trial_days", "covered_kinds"]
    show_columns = [
        "name", "plan_status", "description", "price", "period", "trial_days", "quota", "covered_kinds", "tax_rate",
        "hsn", "archived_at", "created_at",
    ]  # fmt: skip
    add_columns = edit_columns = COLUMNS
    add_form_extra_fields = edit_form_extra_fields = _fields()
    search_columns = ["name", "period", "active"]
    order_columns = ["name", "period", "quota", "trial_days"]
    formatters_columns = {"period": period_name, "quota": quota_words}
    label_columns = {
        "name": _("Name"),
        "description": _("Description"),
        "plan_status": _("Status"),
        "price": _("Price before tax"),
        "period": _("Period"),
        "trial_days": _("Trial (days)"),
        "quota": _("Visits per period"),
        "types": _("Covered kinds of visit"),
        "covered_kinds": _("Covered kinds of visit"),
        "tax_rate": _("Tax"),
        "hsn": _("HSN or SAC code"),
        "active": _("On offer"),
        "archived_at": _("Archived at"),
    }
    charts = (Chart("period", _("Plans by period"), lambda: Plan.period, words=period_name),)
    delete_row_message = _("Deleted; a plan that somebody has is archived.")

    def add_item(self, form: Any) -> Plan:
        return create_plan(**_values(form))

    def change_item(self, item: Plan, form: Any) -> None:
        change_plan(item, **_values(form))

    def delete_item(self, item: Plan) -> None:
        if retire_plan(item):
            flash(gettext("Somebody has or had this plan: it is archived."), "info")


def _values(form: Any) -> dict[str, Any]:
    """Columns by their names, and the price. Raises Invalid."""
    values = values_of(form, COLUMNS)
    rate, text = values.pop("tax_rate"), values.pop("price")
    price = read_money(text, settings_in_scope().currency, "price")
    return {**values, "tax_rate_id": rate.id if rate else None, "price": price}
