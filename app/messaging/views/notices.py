"""What message providers told us, as it was taken in, and Process again."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.messaging.models import ProviderNotice
from app.messaging.receipts import AGAIN, replay_notice
from app.messaging.words import provider_name, told_words, why


class ProviderNoticeView(ReadOnlyView):
    """Every verified notice of a provider; what it says of persons is not shown, and forgotten after a month."""

    model = ProviderNotice
    class_permission_name = "provider_notice"
    menu = ("Messages", _("Delivery receipts"))
    menu_order = 45
    list_title = _("Delivery receipts")
    lede = _("Ignored ones are about no message of ours, parked ones could not be processed.")
    list_columns = ["created_at", "provider", "status", "summary", "attempts", "next_look", "error"]
    show_columns = ["provider", "status", "summary", "error", "attempts", "created_at", "processed_at", "next_look"]
    order_columns = ["created_at", "status"]
    search_columns = ["provider", "status", "created_at"]
    label_columns = {
        "created_at": _("Received"),
        "summary": _("What it told"),
        "processed_at": _("Finished"),
        "next_look": _("Next look"),
    }
    formatters_columns = {"provider": provider_name, "summary": told_words, "error": why}
    charts = (
        Chart("status", _("Delivery receipts by status"), lambda: ProviderNotice.status, kind="doughnut"),
        Chart("provider", _("Delivery receipts by provider"), lambda: ProviderNotice.provider, words=provider_name),
        monthly("month", _("Delivery receipts by month"), ProviderNotice.created_at),
    )

    @row_action(
        "replay",
        _("Process again"),
        confirm=_("Process again? A message never goes back by it."),
        when=lambda notice: notice.status in AGAIN,
    )
    def replay(self, notice: ProviderNotice) -> Any:
        replay_notice(notice)
        return _("It is processed again.")
