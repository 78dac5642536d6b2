"""The outbox on screen: every message, its attempts, the providers' answers, and Send again."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func
from wtforms import SelectChoice, SelectField

from app.core.navigation import describe_item
from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.messaging.models import Message, MessageAttempt, MessageStatus
from app.messaging.services import AGAIN, resend_message
from app.messaging.words import (
    CHANNEL_NAMES,
    channel_name,
    language_name,
    message_title,
    outcome_name,
    provider_name,
    recipient_words,
    why,
)

WENT_OUT = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
NOT_ARRIVED = (MessageStatus.FAILED, MessageStatus.PARKED)


def _channels() -> list[SelectChoice]:
    return [SelectChoice(value=channel.value, label=text) for channel, text in CHANNEL_NAMES.items()]  # type: ignore[attr-defined]


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
    formatters_columns = {"provider": provider_name, "outcome": outcome_name, "text": why}


describe_item("MessageView", shortcut="g o")


class MessageView(ReadOnlyView):
    """Every message of the clinic."""

    model = Message
    class_permission_name = "message"
    menu = ("Messages", _("Outbox"))
    menu_order = 10
    list_title = _("Outbox")
    lede = _("What leaves, what waits and why. A parked message may have arrived: send it again only when it did not.")
    list_columns = ["created_at", "template", "channel", "recipient", "status", "attempts", "provider", "reason"]
    show_columns = [
        "status",
        "template",
        "channel",
        "patient",
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
        "send_at",
        "sent_at",
        "read_at",
        "next_attempt_at",
        "cost",
    ]
    search_columns = ["status", "patient", "channel", "template", "recipient", "provider", "priority", "created_at"]
    search_form_extra_fields = {"channel": SelectField(_("Channel"), choices=_channels)}
    label_columns = {
        "status": _("Status"),
        "template": _("Message"),
        "patient": _("Patient"),
        "recipient": _("To"),
        "channel": _("Channel"),
        "send_at": _("To leave at"),
        "next_attempt_at": _("Next attempt"),
        "cost": _("Cost"),
    }
    formatters_columns = {
        "channel": channel_name,
        "template": message_title,
        "recipient": recipient_words,
        "provider": provider_name,
        "reason": why,
        "language": language_name,
    }
    related_views = [MessageAttemptView]
    charts = (
        Chart("status", _("Messages by status"), lambda: Message.status, kind="doughnut"),
        monthly("month", _("Messages by month"), Message.created_at),
        Chart(
            "arrived",
            _("Messages that went out, by channel"),
            lambda: Message.channel,
            only=lambda: Message.status.in_(WENT_OUT),
            words=channel_name,
        ),
        Chart(
            "failed",
            _("Messages that failed or were parked, by channel"),
            lambda: Message.channel,
            only=lambda: Message.status.in_(NOT_ARRIVED),
            words=channel_name,
        ),
        monthly(
            "cost",
            _("Cost of messages by month"),
            Message.created_at,
            value=lambda: func.sum(Message.cost_micros) / 1_000_000.0,
            value_name=_("Cost"),
        ),
    )

    @row_action(
        "resend",
        _("Send again"),
        confirm=_("Send again? A parked message may then arrive twice."),
        when=lambda message: message.status in AGAIN,
    )
    def resend(self, message: Message) -> Any:
        resend_message(message)
        return _("Queued again.")
