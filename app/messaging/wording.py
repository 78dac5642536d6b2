"""The wording that a clinic uses: its own where it made one, else the default. Versions are kept; the newest counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.principal import find_principal
from app.core.tenant import db
from app.messaging.alerts import alert_members
from app.messaging.models import Channel, ClinicTemplate, Message
from app.messaging.rendering import Rendered, for_channel, in_language, positional, push_text, render
from app.messaging.strict_jinja import RefusedTemplate, check_source
from app.messaging.templates import TEMPLATES
from app.tenancy.queries import clinic_in_scope, settings_in_scope

LANGUAGES = ("en", "hi")
# Push says no more than that there is news, whoever the clinic is (SPEC AUD-3).
WORDED = (Channel.EMAIL, Channel.WHATSAPP, Channel.SMS, Channel.IN_APP)
LONGEST_SUBJECT = 300
SAMPLES: Mapping[str, str] = {
    "patient": "Meera Iyer",
    "doctor": "Dr Rao",
    "when": "Mon 5 Jan 2026, 09:30",
    "until": "Mon 5 Jan 2026, 08:00",
    "number": "INV/25-26/000042",
    "amount": "₹ 800.00",
    "price": "₹ 1,200.00 / month",
    "link": "https://pay.example.com/p/abc",
    "days": "3",
    "due": "12 Jan 2026",
    "plan": "Family care",
    "visits": "4",
    "count": "2",
    "token": "A-17",
    "what": "Write-off",
    "decision": "approved",
    "news": "Receipt for invoice INV/25-26/000042",
    "template": "Receipt for invoice",
    "channel": "WhatsApp",
    "provider": "SMTP",
    "why": "535: authentication failed.",
    "cap": "500.00 INR",
    "endpoint": "Laboratory",
}


@dataclass(frozen=True)
class Wording:
    """What is said, and for WhatsApp what the provider approved. `id` is None for the default."""

    subject: str
    body: str
    id: str | None = None
    approved: Mapping[str, str] = field(default_factory=dict)
    positions: tuple[str, ...] = ()


def default_wording(name: str, language: str) -> Wording:
    """Raises KeyError."""
    template = TEMPLATES[name]
    return Wording(
        in_language(template.subject, language), in_language(template.text, language), positions=template.variables
    )


def find_own_wording(name: str, channel: str, language: str) -> ClinicTemplate | None:
    return db.session.scalar(
        select(ClinicTemplate).where(
            ClinicTemplate.name == name,
            ClinicTemplate.channel == str(channel),
            ClinicTemplate.language == language.partition("_")[0],
            ClinicTemplate.current,
        )
    )


def wording_of(name: str, channel: str, language: str) -> Wording:
    """The clinic's own, else the default. Raises KeyError for a template that does not exist."""
    own = find_own_wording(name, channel, language)
    if own is None:
        return default_wording(name, language)
    positions = tuple(own.positions) or TEMPLATES[name].variables
    return Wording(own.subject, own.body, own.id, own.approved, positions)


class WordBook:
    """The wordings that a batch of messages needs, each read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Wording] = {}

    def wording_of(self, message: Message) -> Wording:
        """Raises KeyError for a template that does not exist."""
        place = message.template, message.channel, message.language
        if place not in self._known:
            self._known[place] = wording_of(*place)
        return self._known[place]

    def render(self, message: Message) -> tuple[Rendered, Wording]:
        """A message as it leaves. A broken wording of the clinic falls back to the default, and its admins hear of it.

        Raises RefusedTemplate when the default cannot be used either.
        """
        wording = self.wording_of(message)
        if message.channel == Channel.PUSH:
            return Rendered(clinic_in_scope().name, push_text(message.template, message.language), ""), wording
        try:
            return _rendered(message, wording), wording
        except RefusedTemplate as error:
            if wording.id is None:
                raise
            _note_broken(wording.id, str(error))
        wording = default_wording(message.template, message.language)
        self._known[message.template, message.channel, message.language] = wording
        return _rendered(message, wording), wording


def _rendered(message: Message, wording: Wording) -> Rendered:
    subject, text = render(wording.subject, wording.body, message.variables)
    if message.channel == Channel.WHATSAPP:
        _check_positions(wording.positions, message.variables)
    colour = settings_in_scope().brand_colour
    return for_channel(message.channel, message.template, subject, text, message.language, colour)


def _check_positions(positions: Sequence[str], variables: Mapping[str, str]) -> None:
    for name in positions:
        if name not in variables:
            raise RefusedTemplate(_("There is no %(name)s here.", name="{{ " + name + " }}"))


def approved_name(message: Message, wording: Wording, provider: str) -> str:
    """The name under which the provider approved this template; ours where nobody said otherwise."""
    return wording.approved.get(provider) or message.template


def approved_variables(message: Message, wording: Wording) -> dict[str, str]:
    return positional(wording.positions, message.variables)


def _note_broken(template_id: str, why: str) -> None:
    """Once per version: the row says so, and the admins get an alert."""
    own = db.session.get_one(ClinicTemplate, template_id)
    if own.broken_at is not None:
        return
    own.broken_at, own.broken_why = clock.now(), why[:300]

    def about() -> dict[str, str]:
        from app.messaging.words import channel_name, message_title

        return {"template": message_title(own.name), "channel": channel_name(own.channel), "why": why}

    alert_members("template_broken", about, f"template-broken:{template_id}")


# ---- editing ----


def save_wording(
    name: str,
    channel: str,
    language: str,
    *,
    subject: str,
    body: str,
    approved: Mapping[str, str] | None = None,
    positions: Sequence[str] = (),
) -> ClinicTemplate:
    """Make a new version the current one. Raises Invalid with a text per field, NotFound."""
    _check_place(name, channel, language)
    _check_wording(name, channel, subject, body, positions)
    _set_aside(name, channel, language)
    actor = find_principal()
    row = ClinicTemplate(
        name=name,
        channel=channel,
        language=language,
        version=_last_version(name, channel, language) + 1,
        subject=subject,
        body=body,
        approved={code: value for code, value in (approved or {}).items() if value},
        positions=list(positions),
        made_by_id=actor.user_id if actor else None,
    )
    db.session.add(row)
    db.session.flush()
    return row


def use_default(name: str, channel: str, language: str) -> None:
    """Say again what we say by default; the versions are kept."""
    _check_place(name, channel, language)
    _set_aside(name, channel, language)


def use_version(row: ClinicTemplate) -> ClinicTemplate:
    """An old version once more, as the newest one. Raises Invalid where it cannot be used any more."""
    return save_wording(
        row.name,
        row.channel,
        row.language,
        subject=row.subject,
        body=row.body,
        approved=row.approved,
        positions=row.positions,
    )


def preview(name: str, channel: str, language: str, subject: str, body: str, positions: Sequence[str] = ()) -> Rendered:
    """The wording with sample data, as it would leave. Raises Invalid, NotFound."""
    _check_place(name, channel, language)
    _check_wording(name, channel, subject, body, positions)
    filled = render(subject, body, sample_variables(name))
    return for_channel(channel, name, *filled, language, settings_in_scope().brand_colour)


def sample_variables(name: str) -> dict[str, str]:
    samples = {**SAMPLES, "clinic": clinic_in_scope().name}
    return {variable: samples.get(variable, variable) for variable in TEMPLATES[name].variables}


def _check_place(name: str, channel: str, language: str) -> None:
    if name not in TEMPLATES or channel not in WORDED or language not in LANGUAGES:
        raise NotFound


def _check_wording(name: str, channel: str, subject: str, body: str, positions: Sequence[str]) -> None:
    variables = TEMPLATES[name].variables
    wrong: dict[str, str] = {}
    for field_name, source in (("subject", subject), ("body", body)):
        try:
            check_source(source, variables)
            render("", source, sample_variables(name))
        except RefusedTemplate as error:
            wrong[field_name] = str(error)
    if len(subject) > LONGEST_SUBJECT:
        wrong["subject"] = _("The text is too long.")
    if not body.strip():
        wrong["body"] = _("Write what the message says.")
    unknown = sorted(set(positions) - set(variables))
    if unknown:
        wrong["positions"] = _("There is no %(name)s here.", name="{{ " + unknown[0] + " }}")
    if wrong:
        raise Invalid(fields=wrong)


def _place(name: str, channel: str, language: str) -> tuple[object, ...]:
    return ClinicTemplate.name == name, ClinicTemplate.channel == str(channel), ClinicTemplate.language == language


def _set_aside(name: str, channel: str, language: str) -> None:
    rows = select(ClinicTemplate).where(*_place(name, channel, language), ClinicTemplate.current)  # type: ignore[arg-type]
    for row in db.session.scalars(rows.with_for_update()):
        row.current = False
    db.session.flush()


def _last_version(name: str, channel: str, language: str) -> int:
    found = select(func.max(ClinicTemplate.version)).where(*_place(name, channel, language))  # type: ignore[arg-type]
    return db.session.scalar(found) or 0
