"""The outbox on screen: every message, its attempts, the providers' answers, and Send again."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.navigation import describe_item
from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.messaging.models import Message, MessageAttempt
from app.messaging.services import resend_message


class MessageAttemptView(ReadOnlyView):
    """Calls to providers."""

    model = MessageAttempt
    class_permission_name = "message"
    list_title = _("Attempts")
    list_columns = ["created_at", "message", "provider", "outcome", "code", "text", "finished_at"]
    show_columns = [
        "message",
        "provider",
        "outcome",
        "code",
        "text",
        "provider_message_id",
        "created_at",
        "finished_at",
    ]
    search_columns = ["provider", "outcome", "code", "created_at"]


describe_item("MessageView", shortcut="g o")


class MessageView(ReadOnlyView):
    """Every message of the clinic."""

    model = Message
    class_permission_name = "message"
    menu = ("Messages", _("Outbox"))
    menu_order = 10
    list_title = _("Outbox")
    list_columns = ["created_at", "template", "channel", "recipient", "status", "attempts", "provider", "reason"]
    show_columns = [
        "status",
        "template",
        "channel",
        "recipient",
        "language",
        "subject",
        "body",
        "priority",
        "attempts",
        "reason",
        "provider",
        "provider_message_id",
        "created_at",
        "sent_at",
        "read_at",
        "next_at",
    ]
    search_columns = ["status", "channel", "template", "recipient", "provider", "created_at"]
    label_columns = {"status": _("Status"), "template": _("Message"), "recipient": _("To")}
    related_views = [MessageAttemptView]
    charts = (
        Chart("status", _("Messages by status"), lambda: Message.status, kind="doughnut"),
        monthly("month", _("Messages by month"), Message.created_at),
    )

    @row_action("resend", _("Send again"), confirm=_("Send again? A parked message may then arrive twice."))
    def resend(self, message: Message) -> Any:
        resend_message(message)
        return _("Queued again.")
