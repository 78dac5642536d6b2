"""Queueing a message, and what becomes of it. Callers commit; the provider is called by app/messaging/jobs.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.messaging.models import URGENCY, Channel, Message, MessageStatus
from app.messaging.routing import priority_of, template_switched_off
from app.messaging.rules import rules_in_scope
from app.messaging.templates import TEMPLATES

AGAIN = (MessageStatus.FAILED, MessageStatus.PARKED, MessageStatus.SUPPRESSED)
SWITCHED_OFF = "The clinic has switched this off."


def queue_message(
    channel: str,
    to: str,
    template: str,
    variables: Mapping[str, str],
    *,
    dedupe_key: str,
    patient_id: str | None = None,
    user_id: str | None = None,
    attachments: Sequence[str] = (),
    language: str = "en",
    priority: str | None = None,
    event_id: str | None = None,
    send_at: datetime | None = None,
) -> Message:
    """Put a message into the outbox; a second call with the same dedupe key gives the first one back.

    `to` is an e-mail address, an E.164 number or, in-app, a user id; `priority` is that of the template's route unless
    one is named. What a clinic switched off is kept as SUPPRESSED, unless a person asks for it. Raises KeyError for a
    template that does not exist.
    """
    priority = priority or priority_of(template)
    off = find_principal() is None and template_switched_off(template, channel, rules_in_scope())
    missing = [name for name in TEMPLATES[template].variables if name not in variables]
    if missing:
        raise KeyError(f"message template {template} needs {', '.join(missing)}")
    statement = insert(Message).values(
        id=new_id(),
        clinic_id=require_clinic(),
        channel=Channel(channel),
        recipient=to,
        template=template,
        variables=dict(variables),
        dedupe_key=dedupe_key,
        patient_id=patient_id,
        user_id=user_id,
        attachment_ids=list(attachments),
        language=language,
        priority=priority,
        urgency=URGENCY[priority],
        event_id=event_id,
        send_at=send_at,
        next_at=send_at or clock.now(),
        status=MessageStatus.SUPPRESSED if off else MessageStatus.QUEUED,
        reason=SWITCHED_OFF if off else "",
    )
    made = db.session.execute(
        statement.on_conflict_do_nothing(index_elements=["clinic_id", "channel", "dedupe_key"]).returning(Message.id)
    ).scalar()
    message = _with_key(channel, dedupe_key)
    if made and not off and (send_at is None or send_at <= clock.now()):
        _wake(message)
    return message


def _with_key(channel: str, dedupe_key: str) -> Message:
    return db.session.scalars(
        select(Message).where(Message.channel == str(channel), Message.dedupe_key == dedupe_key)
    ).one()


def _wake(message: Message) -> None:
    from app.messaging.jobs import wake_later

    wake_later(message.channel)


def resend_message(message: Message) -> None:
    """Send again what failed, was parked or held back; a person decides that it may arrive twice. Raises Conflict."""
    if message.status not in AGAIN:
        raise Conflict(_("Only failed, parked and suppressed messages can be sent again."))
    message.become(MessageStatus.QUEUED)
    message.attempts, message.next_at, message.reason, message.gathered = 0, clock.now(), "", False
    _wake(message)


def mark_read(message: Message) -> None:
    """The person saw an in-app notification."""
    message.read_at = message.read_at or clock.now()
    if message.can_become(MessageStatus.READ):
        message.become(MessageStatus.READ)
