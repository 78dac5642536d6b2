"""Payments that a rule holds, and the decision about each."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.payments.models import HoldStatus, PaymentHold
from app.payments.services import decline_hold, release_hold


def _is_open(hold: PaymentHold) -> bool:
    return hold.status == HoldStatus.OPEN


class PaymentHoldView(ReadOnlyView):
    """Every review of a payment; those that are open wait for Release or Decline."""

    model = PaymentHold
    class_permission_name = "payment_hold"
    menu = ("Payments", _("Payments under review"))
    menu_order = 26
    list_title = _("Payments under review")
    lede = _("Rules of the settings hold a payment until somebody has looked at it.")
    show_template = "payments/payment_hold.html"
    list_columns = ["created_at", "patient", "payment", "why", "status", "decided_at"]
    order_columns = ["created_at", "status"]
    show_columns = ["status", "patient", "payment", "why", "created_at", "decided_at", "note"]
    search_columns = ["status", "payment", "created_at"]
    label_columns = {"why": _("Reasons"), "decided_at": _("Decided"), "note": _("Note")}
    charts = (
        Chart("status", _("Reviews by status"), lambda: PaymentHold.status, kind="doughnut"),
        monthly("month", _("Reviews by month"), PaymentHold.created_at),
    )

    @row_action("release", _("Release"), confirm=_("Let this payment go on?"), when=_is_open)
    def release(self, hold: PaymentHold) -> Any:
        release_hold(hold)
        return _("Released: it can be paid now.")

    @row_action(
        "decline",
        _("Decline"),
        confirm=_("Give this payment up? Money that came is asked to be refunded."),
        when=_is_open,
    )
    def decline(self, hold: PaymentHold) -> Any:
        decline_hold(hold)
        return _("Declined.")
