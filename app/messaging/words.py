"""What messaging's codes are called on screens."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.messaging.models import Channel, SuppressionReason

CHANNEL_NAMES: dict[str, Any] = {
    Channel.EMAIL: _("E-mail"),
    Channel.WHATSAPP: "WhatsApp",
    Channel.SMS: "SMS",
    Channel.PUSH: _("Push"),
    Channel.IN_APP: _("In the console"),
}
REASONS: dict[str, Any] = {
    SuppressionReason.BOUNCED: _("Mail came back"),
    SuppressionReason.COMPLAINED: _("Complained"),
    SuppressionReason.OPTED_OUT: _("Asked for no messages"),
    SuppressionReason.INVALID: _("No such address"),
    SuppressionReason.UNREACHABLE: _("Could not be reached for a while"),
    SuppressionReason.MANUAL: _("Put here by a person"),
}


def channel_name(code: str) -> str:
    return str(CHANNEL_NAMES.get(code, code))


def reason_name(code: str) -> str:
    return str(REASONS.get(code, code))
