"""Queueing a message, and what becomes of it. Callers commit; the provider is called by app/messaging/jobs.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.access.models import User
from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.messaging.devices import devices_of
from app.messaging.models import URGENCY, Channel, Message, MessageStatus
from app.messaging.routing import channels_of, priority_of, route_of, template_switched_off
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

    `to` is an e-mail address, an E.164 number or, in-app, a user id; `priority` that of the template's route unless it
    is named. What a clinic switched off is SUPPRESSED, unless a person asks for it. Raises KeyError: no such template.
    """
    priority = priority or priority_of(template)
    off = find_principal() is None and template_switched_off(template, channel, rules_in_scope())
    _check_variables(template, variables)
    dedupe_key += f":{to}" if channel == Channel.PUSH else ""  # a person has several devices
    fresh = insert(Message).values(
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
    once = fresh.on_conflict_do_nothing(index_elements=["clinic_id", "channel", "dedupe_key"])
    made = db.session.scalar(once.returning(Message.id))
    message = _with_key(channel, dedupe_key)
    if made and not off and (send_at is None or send_at <= clock.now()):
        _wake(message)
    return message


def _check_variables(template: str, variables: Mapping[str, str]) -> None:
    missing = [name for name in TEMPLATES[template].variables if name not in variables]
    if missing:
        raise KeyError(f"message template {template} needs {', '.join(missing)}")


def _with_key(channel: str, dedupe_key: str) -> Message:
    return db.session.scalars(
        select(Message).where(Message.channel == str(channel), Message.dedupe_key == dedupe_key)
    ).one()


def _wake(message: Message) -> None:
    from app.messaging.jobs import wake_later

    wake_later(message.channel)


def resend_message(message: Message) -> None:
    """Send again what failed, was parked or held back; a person decides that it may arrive twice. Raises Conflict.

    Under the row's lock: of two people who press at once one is told that it waits already, or leaves right now.
    """
    db.session.refresh(message, with_for_update=True)
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


def tell_users(
    event_type: str, user_ids: Iterable[str], template: str, variables: Mapping[str, str], key: str
) -> list[Message]:
    """An event told to people with a log-in on every channel of its route, at the route's priority (SPEC EVT-4).

    One message per person, channel and address; the same `key` tells nobody twice.
    """
    route = route_of(event_type)
    if route is None:
        return []
    channels = channels_of(event_type, rules_in_scope())
    users = db.session.scalars(select(User).where(User.id.in_(set(user_ids)), User.active.is_(True)).order_by(User.id))
    return [
        queue_message(
            channel,
            to,
            template,
            variables,
            dedupe_key=f"{key}:{user.id}",
            user_id=user.id,
            language=user.language,
            priority=route.priority,
        )
        for user in users
        for channel in channels
        for to in _addresses(user, channel)
    ]


def push_addresses(patient_id: str) -> list[str]:
    """What `queue_message` takes for each device of a patient."""
    return [device.id for device in devices_of(patient_id=patient_id)]


def _addresses(user: User, channel: Channel) -> Iterator[str]:
    if channel is Channel.IN_APP:
        yield user.id
    elif channel is Channel.PUSH:
        yield from (device.id for device in devices_of(user_id=user.id))
    elif channel is Channel.EMAIL and user.email:
        yield user.email
    elif channel in (Channel.SMS, Channel.WHATSAPP) and user.phone:
        yield user.phone
