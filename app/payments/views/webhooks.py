"""The webhook inbox, with Replay."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.core.vocabulary import kind_name
from app.payments.models import WebhookEvent
from app.payments.services import replay_webhook


class WebhookEventView(ReadOnlyView):
    """Every verified webhook as it came, and what became of it."""

    model = WebhookEvent
    class_permission_name = "webhook"
    menu = ("Payments", _("Webhook inbox"))
    menu_order = 61
    list_title = _("Webhook inbox")
    list_columns = ["created_at", "gateway", "event", "payment", "status", "attempts", "error"]
    order_columns = ["created_at", "status", "event"]
    show_columns = [
        "gateway",
        "event",
        "event_id",
        "status",
        "payment",
        "order_id",
        "gateway_payment_id",
        "occurred_at",
        "created_at",
        "processed_at",
        "attempts",
        "next_at",
        "error",
        "headers",
        "body",
    ]
    search_columns = ["gateway", "event", "status", "order_id", "gateway_payment_id", "created_at"]
    label_columns = {
        "event_id": _("Event's number"),
        "order_id": _("Gateway's order"),
        "gateway_payment_id": _("Gateway's payment"),
        "created_at": _("Received"),
        "next_at": _("Next look"),
    }
    formatters_columns = {"gateway": kind_name}
    charts = (
        Chart("status", _("Webhooks by status"), lambda: WebhookEvent.status, kind="doughnut"),
        Chart("event", _("Webhooks by event"), lambda: WebhookEvent.event, kind="bar-flat", words=str),
        monthly("month", _("Webhooks by month"), WebhookEvent.created_at),
    )

    @row_action("replay", _("Replay"), confirm=_("Process again? What was booked already is not booked again."))
    def replay(self, webhook: WebhookEvent) -> Any:
        replay_webhook(webhook)
        return _("It is processed again.")
