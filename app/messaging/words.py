"""What messaging's codes are called on screens."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.formatting import phone
from app.core.i18n import current_language
from app.messaging.channels import CHANNELS
from app.messaging.models import Channel, SuppressionReason
from app.messaging.rendering import in_language
from app.messaging.templates import TEMPLATES

_VARIABLE = re.compile(r"\{\{ (\w+) \}\}")

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


def provider_name(code: str | None) -> str:
    """What a provider's adapter calls itself; the code of one that is gone, a dash for none."""
    if not code:
        return "–"
    return next((str(adapter.label) for adapter in CHANNELS if adapter.code == code), code)


def reason_name(code: str) -> str:
    return str(REASONS.get(code, code))


def recipient_words(address: str) -> str:
    """A number as people write it; an address as it is."""
    return phone(address) if address.startswith("+") else address


def message_title(name: str) -> str:
    """A template's default subject with its variables by name, in the reader's language."""
    template = TEMPLATES.get(name)
    return _VARIABLE.sub(r"‹\1›", in_language(template.subject, current_language())) if template else name
