"""What a wording becomes, as its reader sees it: for the editor, with sample data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.core.errors import Invalid
from app.messaging.channels import CHANNELS
from app.messaging.models import Channel
from app.messaging.rendering import positional
from app.messaging.sms_size import sms_size
from app.messaging.templates import TEMPLATES
from app.messaging.wording import Wording, preview, sample_variables
from app.tenancy.queries import clinic_in_scope

# The one page with styles of its own, since mails need them: it may load and run nothing, and only we may frame it.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


def given_by(wording: Wording) -> dict[str, Any]:
    """A stored wording as if it had just been typed."""
    return {
        "subject": wording.subject,
        "body": wording.body,
        "approved": wording.approved,
        "positions": list(wording.positions),
    }


def providers_of(channel: str) -> dict[str, str]:
    """Whoever approves templates of the channel: code and name."""
    if channel != Channel.WHATSAPP:
        return {}
    return {adapter.code: adapter.label for adapter in CHANNELS if adapter.channel == channel}


def preview_part(name: str, channel: str, language: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What templates/messaging/parts/preview.html draws; `wrong` where the wording is refused. Raises NotFound."""
    positions = typed.get("positions", ())
    part: dict[str, Any] = {"channel": channel, "typed": typed, "sender": clinic_in_scope().name}
    try:
        shown = preview(name, channel, language, typed["subject"], typed["body"], positions)
    except Invalid as error:
        return {**part, "shown": None, "wrong": dict(error.fields or {})}
    approved = typed.get("approved", {})
    return {
        **part,
        "shown": shown,
        "size": sms_size(shown.text) if channel == Channel.SMS else None,
        "approved": [(label, approved.get(code) or name) for code, label in providers_of(channel).items()],
        "by_place": positional(positions or TEMPLATES[name].variables, sample_variables(name)),
    }


def mail_page(name: str, language: str, typed: Mapping[str, Any]) -> Response:
    """The HTML of a mail as a page of its own. Raises Invalid, NotFound."""
    shown = preview(name, Channel.EMAIL, language, typed["subject"], typed["body"])
    answer = Response(shown.html, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = MAIL_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer
