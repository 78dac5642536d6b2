"""What messaging's codes are called on screens."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.formatting import phone
from app.core.i18n import LANGUAGES, current_language
from app.core.ids import is_id
from app.core.providers import Outcome
from app.messaging.channels import CHANNELS
from app.messaging.channels.base import DeliveryStatus, RecipientFact
from app.messaging.models import Channel, SuppressionReason
from app.messaging.rendering import in_language
from app.messaging.templates import TEMPLATES
from app.tenancy.providers import ResolvedAccount

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

# What a receipt told, as it is noted in short.
TOLD: dict[str, Any] = {
    DeliveryStatus.SENT: _("Sent"),
    DeliveryStatus.DELIVERED: _("Delivered"),
    DeliveryStatus.READ: _("Read"),
    DeliveryStatus.FAILED: _("Failed"),
    RecipientFact.BOUNCED: REASONS[SuppressionReason.BOUNCED],
    RecipientFact.COMPLAINED: REASONS[SuppressionReason.COMPLAINED],
    RecipientFact.OPTED_OUT: REASONS[SuppressionReason.OPTED_OUT],
    RecipientFact.OPTED_IN: _("Wants messages again"),
    RecipientFact.INVALID: REASONS[SuppressionReason.INVALID],
    RecipientFact.UNREACHABLE: _("Could not be reached"),
    RecipientFact.REACHED: _("Was reached"),
    "inbound": _("A person wrote"),
    "confirmed": _("The address was confirmed"),
}

# Why a message waits or ended, as delivery stores it: listed here, so that the catalogues have the words.
WHYS = (
    _("Waits for the end of the quiet hours."),
    _("Waits for its turn: the account's limit per minute is reached."),
    _("The day's cap is reached."),
    _("What it tells is no longer so."),
    _("No provider is set up for this channel."),
    _("The device is registered no more."),
    _("The person wants nothing on this channel."),
    _("Waits for the digest."),
    _("Every provider of this channel fails at present."),
    _("The provider gave no clear answer: it may have been sent."),
    _("A worker stopped while sending: it may have been sent."),
    _("A fault of ours: it could not be made ready to leave."),
    _("The clinic has switched this off."),
    _("It left with others in one mail."),
    _("no message of ours is known for it"),
    _("its message is only being sent"),
)
_SUPPRESSED = re.compile(r"Nothing is sent to this address \((\w+)\)\.")
_NOT_DELIVERED = re.compile(r"The provider told later that it was not delivered \((.+)\)\.")
OUTCOMES: dict[str, Any] = {
    "started": _("Under way"),
    "ok": _("Accepted"),
    Outcome.RETRY: _("Not carried out"),
    Outcome.RETRY_LATER: _("Limit reached"),
    Outcome.PERMANENT_RECIPIENT: _("Address refused"),
    Outcome.PERMANENT_MESSAGE: _("Text refused"),
    Outcome.PERMANENT_ACCOUNT: _("Account refused"),
    Outcome.UNKNOWN: _("Unclear"),
}


def told_words(summary: str | None) -> str:
    """'delivered, failed 5.1.1' in the reader's language; a provider's own code stays as it is."""
    if not summary:
        return "–"
    parts = (part.partition(" ") for part in summary.split(", "))
    return ", ".join(f"{TOLD.get(word, word)} {code}".strip() for word, _space, code in parts)


def outcome_name(code: str) -> str:
    """How a call to a provider ended."""
    return str(OUTCOMES.get(code, code))


def why(reason: str | None) -> str:
    """A stored reason in the reader's language; a provider's own words stay as they are."""
    if not reason:
        return "–"
    if found := _SUPPRESSED.fullmatch(reason):
        return gettext("Nothing is sent to this address (%(reason)s).", reason=reason_name(found[1]))
    if found := _NOT_DELIVERED.fullmatch(reason):
        return gettext("The provider told later that it was not delivered (%(code)s).", code=found[1])
    return gettext(reason)


def channel_name(code: str) -> str:
    return str(CHANNEL_NAMES.get(code, code))


def language_name(code: str) -> str:
    """In its own words, as people choose it; the code of one that is gone."""
    return LANGUAGES[code]["name"] if code in LANGUAGES else code


def provider_name(code: str | None) -> str:
    """What a provider's adapter calls itself; the code of one that is gone, a dash for none."""
    if not code:
        return "–"
    return next((str(adapter.label) for adapter in CHANNELS if adapter.code == code), code)


def account_name(account: ResolvedAccount) -> str:
    """'AWS SES Main': the provider, and what the clinic calls the account."""
    return f"{provider_name(account.provider)} {account.label}".strip()


def reason_name(code: str) -> str:
    return str(REASONS.get(code, code))


def recipient_words(address: str) -> str:
    """A number as people write it; a person or a device by the end of its id; an address as it is."""
    if is_id(address):
        return f"…{address[-8:]}"
    return phone(address) if address.startswith("+") else address


def message_title(name: str) -> str:
    """A template's default subject with its variables by name, in the reader's language."""
    template = TEMPLATES.get(name)
    return _VARIABLE.sub(r"‹\1›", in_language(template.subject, current_language())) if template else name
