"""Screens of services, prices and taxes."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from app.catalog.forms import TAX_KINDS, AmountField, tax_kind_field
from app.catalog.models import Service, ServicePrice, TaxRate
from app.catalog.services import remove_price, retire_service, save_price, save_service, save_tax
from app.core.ids import new_id
from app.core.views import Chart, CrudView
from app.core.vocabulary import kind_name
from app.people.forms import TypeField, text_field, values_of

BUFFERS = ["duration_minutes", "buffer_before_minutes", "buffer_after_minutes", "follow_up_days"]


def _type_words(type: str | None) -> str:
    return str(kind_name(type) if type else _("Any"))


class ServicePriceView(CrudView):
    """What services cost; the most specific price wins: doctor and kind of visit, doctor, kind, all."""

    model = ServicePrice
    class_permission_name = "service"
    menu = ("Set-up", _("Prices"))
    menu_order = 31
    list_title = _("Prices")
    add_title = _("New price")
    base_order = ("service_id", "asc")
    lede = _("The most specific price wins: doctor and kind of visit, then doctor, then kind of visit.")
    list_columns = ["service", "doctor", "appointment_type", "price", "follow_up_price"]
    order_columns = ["appointment_type"]
    show_columns = ["service", "doctor", "appointment_type", "price", "follow_up_price", "updated_at"]
    add_columns = edit_columns = ["service", "doctor", "appointment_type", "price", "follow_up_price"]
    add_form_extra_fields = edit_form_extra_fields = {
        "appointment_type": TypeField(_("Kind of visit")),
        "price": AmountField(_("Price before tax"), validators=[InputRequired()]),
        "follow_up_price": AmountField(_("Follow-up price"), description=_("Empty: a follow-up costs the same.")),
    }
    search_columns = ["service", "doctor", "appointment_type"]
    search_form_extra_fields = {"appointment_type": TypeField(_("Kind of visit"))}
    label_columns = {
        "service": _("Service"),
        "doctor": _("Doctor"),
        "appointment_type": _("Kind of visit"),
        "price": _("Price before tax"),
        "follow_up_price": _("Follow-up price"),
        "updated_at": _("Changed"),
    }
    formatters_columns = {"appointment_type": _type_words}
    charts = (
        Chart(
            "average",
            _("Average price by kind of visit"),
            lambda: ServicePrice.appointment_type,
            value=lambda: func.avg(ServicePrice.price_minor),
            value_name=_("Average price"),
            minor=True,
            words=_type_words,
        ),
    )

    def add_item(self, form: Any) -> ServicePrice:
        return self._saved(ServicePrice(id=new_id()), form)

    def change_item(self, item: ServicePrice, form: Any) -> None:
        self._saved(item, form)

    def delete_item(self, item: ServicePrice) -> None:
        remove_price(item)

    def _saved(self, price: ServicePrice, form: Any) -> ServicePrice:
        price.service_id = form.service.data.id
        price.doctor_id = form.doctor.data.id if form.doctor.data else None
        price.appointment_type = form.appointment_type.data
        return save_price(price, form.price.data, form.follow_up_price.data)


class ServiceView(CrudView):
    """What the clinic sells: visits and other services."""

    model = Service
    class_permission_name = "service"
    menu = ("Set-up", _("Services"))
    menu_order = 30
    list_title = _("Services")
    add_title = _("New service")
    base_order = ("name", "asc")
    list_columns = ["code", "name", "visit", "tax_rate", "hsn", "active"]
    show_columns = ["code", "name", "description", "visit", "tax_rate", "hsn", *BUFFERS, "active"]
    add_columns = edit_columns = ["code", "name", "description", "visit", "tax_rate", "hsn", *BUFFERS, "active"]
    add_form_extra_fields = edit_form_extra_fields = {
        "description": TextAreaField(_("Description"), validators=[Length(max=2000)]),
        "hsn": text_field(_("HSN or SAC code"), 10),
    }
    search_columns = ["code", "name", "visit", "tax_rate", "active"]
    label_columns = {
        "code": _("Code"),
        "name": _("Name"),
        "visit": _("Is a visit"),
        "tax_rate": _("Tax"),
        "hsn": _("HSN or SAC code"),
        "duration_minutes": _("Length (minutes)"),
        "buffer_before_minutes": _("Kept free before (minutes)"),
        "buffer_after_minutes": _("Kept free after (minutes)"),
        "follow_up_days": _("Follow-up price within (days)"),
        "active": _("On offer"),
    }
    description_columns = {"visit": _("What an appointment is billed as.")}
    related_views = [ServicePriceView]
    charts = (Chart("visit", _("Visits and other services"), lambda: Service.visit, words=lambda it: _kind(it)),)

    def add_item(self, form: Any) -> Service:
        return self._saved(Service(id=new_id()), form)

    def change_item(self, item: Service, form: Any) -> None:
        self._saved(item, form)

    def delete_item(self, item: Service) -> None:
        retire_service(item)

    def _saved(self, service: Service, form: Any) -> Service:
        values = values_of(form, self.edit_columns)
        rate = values.pop("tax_rate")
        service.tax_rate_id = rate.id if rate else None
        for name, value in values.items():
            setattr(service, name, value)
        return save_service(service)


def _kind(visit: bool) -> str:
    return str(_("Visits")) if visit else str(_("Other services"))


class TaxRateView(CrudView):
    """Taxes that the clinic levies."""

    model = TaxRate
    class_permission_name = "tax"
    menu = ("Set-up", _("Taxes"))
    menu_order = 32
    list_title = _("Taxes")
    add_title = _("New tax")
    base_order = ("name", "asc")
    list_columns = ["name", "kind", "percent", "active"]
    show_columns = ["name", "kind", "percent", "active"]
    add_columns = edit_columns = ["name", "kind", "percent", "active"]
    add_form_extra_fields = edit_form_extra_fields = {"kind": tax_kind_field(_("Kind"))}
    search_columns = ["name", "kind", "active"]
    search_form_extra_fields = {"kind": tax_kind_field(_("Kind"))}
    label_columns = {"name": _("Name"), "kind": _("Kind"), "percent": _("Per cent"), "active": _("Active")}
    formatters_columns = {"kind": lambda kind: TAX_KINDS.get(kind, kind)}
    charts = (
        Chart("kind", _("Taxes by kind"), lambda: TaxRate.kind, words=lambda kind: str(TAX_KINDS.get(kind, kind))),
    )

    def add_item(self, form: Any) -> TaxRate:
        return self._saved(TaxRate(id=new_id()), form)

    def change_item(self, item: TaxRate, form: Any) -> None:
        self._saved(item, form)

    def _saved(self, rate: TaxRate, form: Any) -> TaxRate:
        for name, value in values_of(form, self.edit_columns).items():
            setattr(rate, name, value)
        return save_tax(rate)
