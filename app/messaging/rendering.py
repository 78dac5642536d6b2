"""A message made of its wording: subject, plain text, HTML for mail, positions for WhatsApp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import render_template
from flask_babel import gettext as _

from app.core.i18n import written_for
from app.messaging.models.outbox import Channel
from app.messaging.strict_jinja import fill

DEFAULT_LANGUAGE = "en"
DEFAULT_COLOUR = "#0b6e6e"
# Of what the patient may hear when somebody else reads the lock screen (SPEC AUD-3): nothing but the kind of news.
VISITS = ("appointment_", "slot_", "queue_")
MONEY = ("invoice_", "refund_", "instalment_", "subscription_")


@dataclass(frozen=True)
class MessageTemplate:
    """`subject` and `text` by language, in the strict Jinja over `variables`."""

    name: str
    variables: tuple[str, ...]
    subject: Mapping[str, str]
    text: Mapping[str, str]


@dataclass(frozen=True)
class Rendered:
    subject: str
    text: str
    html: str


def in_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language.partition("_")[0]) or texts[DEFAULT_LANGUAGE]


def render(subject: str, text: str, variables: Mapping[str, Any]) -> tuple[str, str]:
    """Raises RefusedTemplate."""
    return " ".join(fill(subject, variables).split()), fill(text, variables).strip()


def mail_html(subject: str, text: str, language: str, colour: str = DEFAULT_COLOUR) -> str:
    """The text as a page with its styles inlined: mail readers drop style sheets."""
    page = render_template(
        "messaging/email.html", subject=subject, paragraphs=text.split("\n\n"), language=language, colour=colour
    )
    return str(_inliner().inline(page))


@cache
def _inliner() -> Any:
    """Loaded by the first message: most processes write none."""
    import css_inline

    return css_inline.CSSInliner(load_remote_stylesheets=False)


def for_channel(
    channel: str, name: str, subject: str, text: str, language: str, colour: str = DEFAULT_COLOUR
) -> Rendered:
    """What is handed to a provider of that channel."""
    if channel == Channel.EMAIL:
        return Rendered(subject, text, mail_html(subject, text, language, colour))
    if channel == Channel.SMS:
        return Rendered(subject, "\n".join(line for line in text.splitlines() if line.strip()), "")
    return Rendered(subject, text, "")


def push_text(name: str, language: str) -> str:
    """What a lock screen may show: never a name, a doctor or an amount."""
    with written_for(language):
        if name.startswith(VISITS):
            return _("There is news about your visit. Open the app to read it.")
        if name.startswith(MONEY):
            return _("There is news about your bill. Open the app to read it.")
        return _("There is news for you. Open the app to read it.")


def positional(positions: Sequence[str], variables: Mapping[str, Any]) -> dict[str, str]:
    """The variables by position, as an approved WhatsApp template wants them: one line, no runs of spaces."""
    return {str(place): " ".join(str(variables[name]).split()) for place, name in enumerate(positions, 1)}
