"""One attempt at one message: claim and commit, call the provider with nothing open, record and commit."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core import clock, metrics
from app.core.files import StoredFile
from app.core.ids import new_id
from app.core.providers import Outcome, ProviderError
from app.core.sockets import push, user_room
from app.core.tenant import db, tenant_scope
from app.core.transaction import after_commit, unit_of_work
from app.events.services import publish
from app.messaging.channels import channel_with_code
from app.messaging.channels.base import Attachment, OutgoingMessage, SendReceipt
from app.messaging.conditions import OVERTAKEN, still_right
from app.messaging.events import NotificationFailed, NotificationSent
from app.messaging.models import Channel, Message, MessageAttempt, MessageStatus
from app.messaging.templates import positional, render_message
from app.tenancy.providers import ResolvedAccount, accounts_for
from app.tenancy.queries import clinic_in_scope

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
BACKOFF_BASE_SECONDS = 2
QUOTA_WAIT = timedelta(hours=1)
# Longer than any provider call may take (wire notes 0.2: 60 s for a media upload, twice over).
LEASE = timedelta(seconds=180)
UNCLEAR = "The provider gave no clear answer: it may have been sent."
STOPPED = "A worker stopped while sending: it may have been sent."
GIVEN_UP = metrics.Counter(
    "clinic_messages_given_up", "Messages that wait for a person, by channel and status", ["channel", "status"]
)


@dataclass(frozen=True)
class Claim:
    """What is needed for the call, free of the session."""

    attempt_id: str
    account: ResolvedAccount
    message: OutgoingMessage


def send(clinic_id: str, message_id: str) -> None:
    """Try to send once. Whatever happens, the message is afterwards in a state that says what is known."""
    with tenant_scope(clinic_id):
        with unit_of_work():
            claim = _claim(message_id)
        if claim is None:
            return
        outcome = _call(claim)
        with unit_of_work():
            _record(message_id, claim.attempt_id, outcome)


def _claim(message_id: str) -> Claim | None:
    message = db.session.scalar(
        select(Message)
        .where(Message.id == message_id, Message.status == MessageStatus.QUEUED, Message.next_at <= clock.now())
        .with_for_update(skip_locked=True)
    )
    if message is None:
        return None
    if not still_right(message):
        message.become(MessageStatus.SUPPRESSED)
        message.reason = OVERTAKEN
        return None
    if message.channel == Channel.IN_APP:
        _deliver_in_app(message)
        return None
    accounts = accounts_for(message.channel)
    if not accounts:
        _give_up(message, MessageStatus.FAILED, "No provider is set up for this channel.")
        return None
    return _start(message, accounts[0])


def _start(message: Message, account: ResolvedAccount) -> Claim:
    rendered = render_message(message.template, message.language, message.variables)
    message.subject, message.body = rendered.subject[:300], rendered.text
    message.become(MessageStatus.SENDING)
    message.attempts += 1
    message.next_at = clock.now() + LEASE
    message.provider = account.provider
    attempt = MessageAttempt(id=new_id(), message_id=message.id, provider=account.provider, account_id=account.id)
    db.session.add(attempt)
    by_template = message.channel == Channel.WHATSAPP
    outgoing = OutgoingMessage(
        delivery_id=message.id,
        to=message.recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        template=message.template if by_template else "",
        variables=positional(message.template, message.variables) if by_template else {},
        attachments=_attachments(message),
        sender=clinic_in_scope().name,
        language=message.language,
    )
    return Claim(attempt.id, account, outgoing)


def _attachments(message: Message) -> tuple[Attachment, ...]:
    found = [db.session.get_one(StoredFile, file_id) for file_id in message.attachment_ids]
    return tuple(Attachment(item.name, item.mime_type, bytes(item.content)) for item in found)


def _call(claim: Claim) -> SendReceipt | ProviderError:
    """The only place where a message leaves; no transaction is open here."""
    try:
        channel = channel_with_code(claim.account.provider)
        return channel.open(claim.account.credentials, base_url=claim.account.base_url).send(claim.message)
    except ProviderError as error:
        return error


def _record(message_id: str, attempt_id: str, outcome: SendReceipt | ProviderError) -> None:
    message = db.session.get_one(Message, message_id, with_for_update=True)
    attempt = db.session.get_one(MessageAttempt, attempt_id)
    attempt.finished_at = clock.now()
    if isinstance(outcome, SendReceipt):
        attempt.outcome, attempt.text = "ok", outcome.answer[:500]
        attempt.provider_message_id = outcome.provider_message_id
        message.provider_message_id = outcome.provider_message_id
        if message.can_become(MessageStatus.SENT):  # a receipt may have been faster
            _sent(message)
        return
    attempt.outcome, attempt.code, attempt.text = str(outcome.outcome), outcome.code[:60], outcome.message[:500]
    if message.status == MessageStatus.SENDING:
        _failed(message, outcome)


def _sent(message: Message) -> None:
    message.become(MessageStatus.SENT)
    message.sent_at = clock.now()
    message.reason = ""
    publish(NotificationSent(message_id=message.id, channel=message.channel, template=message.template))


def _failed(message: Message, error: ProviderError) -> None:
    reason = f"{error.code}: {error.message}"
    if error.outcome is Outcome.UNKNOWN:
        _give_up(message, MessageStatus.PARKED, UNCLEAR)
    elif error.outcome is Outcome.RETRY_LATER:
        _again(message, QUOTA_WAIT, reason)
        message.attempts -= 1  # a quota is no failed attempt
    elif error.outcome is Outcome.RETRY and message.attempts < MAX_ATTEMPTS:
        seconds = max(error.retry_after or 0, BACKOFF_BASE_SECONDS**message.attempts)
        _again(message, timedelta(seconds=seconds), reason)
    else:
        _give_up(message, MessageStatus.FAILED, reason)


def _again(message: Message, wait: timedelta, reason: str) -> None:
    message.become(MessageStatus.QUEUED)
    message.next_at = clock.now() + wait
    message.reason = reason[:300]


def _give_up(message: Message, status: MessageStatus, reason: str) -> None:
    message.become(status)
    message.reason = reason[:300]
    channel = str(message.channel)
    after_commit(lambda: GIVEN_UP.inc(channel=channel, status=str(status)))
    publish(
        NotificationFailed(message_id=message.id, channel=message.channel, template=message.template, reason=status)
    )


def _deliver_in_app(message: Message) -> None:
    """Nothing leaves the house: shown at once where the person looks, kept for when they do."""
    rendered = render_message(message.template, message.language, message.variables)
    message.subject, message.body = rendered.subject[:300], rendered.text
    message.become(MessageStatus.SENDING)
    message.attempts += 1
    _sent(message)
    shown: dict[str, Any] = {"id": message.id, "title": message.subject}
    push("alert", shown, user_room(message.clinic_id, message.recipient))


def park_abandoned(message: Message) -> None:
    """A worker died between claim and record: nobody knows whether the message left, so it is not repeated."""
    for attempt in message.tries:
        if attempt.outcome == "started":
            attempt.outcome, attempt.text, attempt.finished_at = str(Outcome.UNKNOWN), STOPPED, clock.now()
    _give_up(message, MessageStatus.PARKED, STOPPED)
