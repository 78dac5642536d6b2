"""Instruments that patients left at the gateways; they alone add and remove them."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.core.views import Chart, ReadOnlyView, monthly
from app.core.vocabulary import kind_name
from app.payments.models import PaymentMethod


class PaymentMethodView(ReadOnlyView):
    """What a person recognises of an instrument; its number is the gateway's alone."""

    model = PaymentMethod
    class_permission_name = "payment_method"
    menu = ("Payments", _("Saved methods"))
    menu_order = 30
    list_title = _("Saved methods")
    lede = _("Cards and accounts that patients left at a gateway. The console never sees their numbers.")
    list_columns = ["created_at", "patient", "provider", "kind", "brand", "last4", "is_default", "removed_at"]
    order_columns = ["created_at", "provider", "kind"]
    show_columns = [*list_columns, "label", "expires_year", "expires_month"]
    search_columns = ["patient", "provider", "kind", "brand", "last4", "created_at"]
    label_columns = {
        "kind": _("Kind"),
        "brand": _("Brand"),
        "last4": _("Last digits"),
        "is_default": _("Default"),
        "removed_at": _("Removed"),
        "label": _("Name"),
        "expires_year": _("Expires in year"),
        "expires_month": _("Expires in month"),
    }
    formatters_columns = {"provider": kind_name, "kind": kind_name}
    charts = (
        Chart("brand", _("Saved methods by brand"), lambda: PaymentMethod.brand, kind="doughnut"),
        monthly("month", _("Saved methods by month"), PaymentMethod.created_at),
    )
