"""Drawers, handovers, movements and day closes on generated screens. Services alone make and change them."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.billing.models import CashDrawer, DayClose, DrawerHandover, MoneyMovement, SafeCount
from app.core.views import Chart, ReadOnlyView, monthly

LABELS: dict[str, Any] = {
    "amount": _("Amount"),
    "channel": _("Tender"),
    "counted": _("Counted"),
    "difference": _("Difference"),
    "expected": _("Should be there"),
    "holder": _("Held by"),
    "opening_float": _("Opening float"),
    "total": _("Total"),
    "business_on": _("Day"),
    "opened_on": _("Day"),
    "offered_on": _("Day"),
    "closed_by": _("Closed by"),
    "decided_by": _("Approved by"),
    "giver": _("From"),
    "receiver": _("To"),
    "person": _("By"),
}


class MoneyMovementView(ReadOnlyView):
    """All money that came and went, on the day on which it counts."""

    model = MoneyMovement
    class_permission_name = "day_close"
    menu = ("Books", _("Money movements"))
    menu_order = 69
    list_title = _("Money movements")
    list_columns = ["business_on", "created_at", "kind", "channel", "amount", "payment", "person", "reason"]
    show_columns = [
        "business_on", "created_at", "kind", "channel", "amount", "drawer", "payment", "person", "counter", "reason",
    ]  # fmt: skip
    search_columns = ["business_on", "kind", "channel", "currency", "reason"]
    order_columns = ["business_on", "created_at"]
    label_columns = {**LABELS, "created_at": _("Time"), "payment": _("Payment"), "counter": _("From or to")}
    charts = (
        monthly(
            "month",
            _("Money by month"),
            MoneyMovement.created_at,
            value=lambda: func.sum(MoneyMovement.amount_minor),
            value_name=_("Amount"),
            minor=True,
        ),
        Chart("channel", _("Movements by tender"), lambda: MoneyMovement.channel, kind="doughnut"),
    )


class DrawerHandoverView(ReadOnlyView):
    """Drawers that went from one person to another."""

    model = DrawerHandover
    class_permission_name = "cash_drawer"
    list_title = _("Handovers")
    list_columns = ["offered_on", "giver", "receiver", "counted", "status", "decided_at"]
    show_columns = ["offered_on", "giver", "receiver", "counted", "status", "note", "decided_at"]
    search_columns = ["offered_on", "status"]
    order_columns = ["offered_on", "decided_at"]
    label_columns = {**LABELS, "decided_at": _("Decided at"), "note": _("Note")}
    charts = (Chart("status", _("Handovers by status"), lambda: DrawerHandover.status, kind="doughnut"),)


class CashDrawerView(ReadOnlyView):
    """Every drawer that was ever open."""

    model = CashDrawer
    class_permission_name = "cash_drawer"
    menu = ("Books", _("Cash drawers"))
    menu_order = 68
    list_title = _("Cash drawers")
    list_columns = ["opened_on", "holder", "location", "status", "opening_float", "expected", "counted", "difference"]
    show_columns = [
        "opened_on", "holder", "location", "status", "currency", "opening_float", "opened_at", "expected", "counted",
        "difference", "difference_reason", "counted_at", "decided_by", "decided_at", "decision_note", "closed_at",
    ]  # fmt: skip
    search_columns = ["opened_on", "status", "location", "currency"]
    order_columns = ["opened_on", "opened_at", "counted_at"]
    label_columns = {
        **LABELS,
        "difference_reason": _("Reason for a difference"),
        "decision_note": _("Note"),
        "counted_at": _("Counted at"),
        "decided_at": _("Decided at"),
    }
    related_views = [DrawerHandoverView]
    show_template = "billing/cash_drawer_show.html"
    charts = (
        Chart("status", _("Drawers by status"), lambda: CashDrawer.status, kind="doughnut"),
        monthly("month", _("Drawers by month"), CashDrawer.opened_on),
    )


class SafeCountView(ReadOnlyView):
    """Every count of the safe."""

    model = SafeCount
    class_permission_name = "ledger"
    list_title = _("Counts of the safe")
    list_columns = ["created_at", "counted_by", "expected", "counted", "difference", "status", "decided_by"]
    show_columns = [
        "created_at", "counted_by", "status", "expected", "counted", "difference", "reason", "decided_by", "decided_at",
        "decision_note",
    ]  # fmt: skip
    search_columns = ["status", "currency", "created_at"]
    order_columns = ["created_at"]
    label_columns = {
        **LABELS,
        "created_at": _("Counted at"),
        "counted_by": _("Counted by"),
        "reason": _("Reason for a difference"),
        "decided_at": _("Decided at"),
        "decided_by": _("Decided by"),
        "decision_note": _("Note"),
    }
    charts = (Chart("status", _("Counts of the safe by status"), lambda: SafeCount.status, kind="doughnut"),)


class DayCloseRecordView(ReadOnlyView):
    """Every day that is closed."""

    model = DayClose
    class_permission_name = "day_close"
    list_title = _("Closed days")
    list_columns = ["number", "business_on", "closed_by", "closed_at", "total"]
    show_columns = ["number", "business_on", "closed_by", "closed_at", "total", "first_entry", "last_entry"]
    search_columns = ["number", "business_on", "closed_at"]
    order_columns = ["number", "business_on", "closed_at"]
    show_template = "billing/day_close_show.html"
    label_columns = {
        **LABELS,
        "number": _("Number"),
        "closed_at": _("Closed at"),
        "first_entry": _("First journal entry"),
        "last_entry": _("Last journal entry"),
    }
    formatters_columns = {"first_entry": str, "last_entry": str}
    charts = (
        monthly(
            "month",
            _("Takings of closed days by month"),
            DayClose.business_on,
            value=lambda: func.sum(DayClose.total_minor),
            value_name=_("Takings"),
            minor=True,
        ),
    )
