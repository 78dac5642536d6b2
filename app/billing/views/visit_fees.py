"""Fees for missed and late cancelled visits."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.billing.models import VisitFee
from app.core.views import Chart, ReadOnlyView, monthly
from app.core.vocabulary import kind_name


class VisitFeeView(ReadOnlyView):
    """What was charged, for which visit, by which invoice."""

    model = VisitFee
    class_permission_name = "visit_fee"
    menu = ("Billing", _("Visit fees"))
    menu_order = 48
    list_title = _("Fees for missed and late cancelled visits")
    list_columns = ["created_at", "kind", "appointment", "percent", "invoice", "settled_at"]
    show_columns = ["created_at", "kind", "appointment", "percent", "invoice", "settled_at"]
    search_columns = ["kind", "created_at", "invoice"]
    order_columns = ["created_at", "kind", "percent"]
    formatters_columns = {"kind": kind_name}
    label_columns = {
        "created_at": _("Charged"),
        "kind": _("For"),
        "appointment": _("Visit"),
        "percent": _("Share of the price (%)"),
        "invoice": _("Invoice"),
        "settled_at": _("Earlier payments taken into account"),
    }
    charts = (
        Chart("kind", _("Fees by kind"), lambda: VisitFee.kind, kind="doughnut"),
        monthly("month", _("Fees by month"), VisitFee.created_at),
    )
