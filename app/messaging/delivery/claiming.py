"""What becomes of a due message: it is claimed for a call, waits for something, or is not to be sent at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select, update

from app.core import clock
from app.core.files import StoredFile
from app.core.ids import new_id
from app.core.sockets import push, user_room
from app.core.tenant import db, require_clinic
from app.core.together import insert_many
from app.events.services import publish_all
from app.messaging.breaker import give_back_probe
from app.messaging.channels import channel_with_code
from app.messaging.channels.base import Attachment, OutgoingMessage
from app.messaging.conditions import OVERTAKEN, still_right
from app.messaging.delivery.facts import Facts, Wait
from app.messaging.delivery.states import give_up, sent
from app.messaging.devices import push_target
from app.messaging.files import file_url
from app.messaging.models import Channel, Message, MessageAttempt, MessageStatus
from app.messaging.rendering import Rendered
from app.messaging.spend import charge
from app.messaging.strict_jinja import RefusedTemplate
from app.messaging.wording import Wording, approved_name, approved_variables
from app.tenancy.providers import ResolvedAccount
from config import get_settings

# Longer than any provider call may take (wire notes 0.2: 60 s for a media upload, twice over), for a whole batch.
LEASE = timedelta(seconds=300)
NO_PROVIDER = "No provider is set up for this channel."
NO_DEVICE = "The device is registered no more."
NO_TEXT = "The text could not be made: {why}"


@dataclass(frozen=True)
class Claim:
    """What is needed for one call, free of the session. `until` tells it from a later claim of the same message;
    `charged_on` is the day of the clinic's zone whose cap it counts for.
    """

    clinic_id: str
    message_id: str
    attempt_id: str
    account: ResolvedAccount = field(repr=False)
    message: OutgoingMessage
    wording: Wording = field(repr=False)
    until: datetime
    probe: bool = False
    charged_on: date | None = None

    def holds(self, message: Message) -> bool:
        """Whether the message still waits for the end of this call, and of no other one."""
        return message.status == MessageStatus.SENDING and message.next_at == self.until


def claim_batch(message_ids: Sequence[str]) -> list[Claim]:
    """Claim the due ones of these messages of the clinic in scope; rows that another process holds are passed over."""
    wanted = select(Message).where(
        Message.id.in_(message_ids),
        Message.status == MessageStatus.QUEUED,
        Message.next_at <= clock.now(),
        Message.gathered.is_(False),
    )
    order = Message.urgency, Message.next_at, Message.id
    messages = db.session.scalars(wanted.order_by(*order).with_for_update(skip_locked=True)).all()
    if not messages:
        return []
    with db.session.no_autoflush:  # one flush for all of them
        facts = Facts(messages)
        claims = [claim for message in messages if (claim := _take_up(message, facts)) is not None]
    insert_many(facts.attempts)
    publish_all(facts.events)
    _let_others_wait(facts)
    return claims


def _take_up(message: Message, facts: Facts) -> Claim | None:
    if not still_right(message):
        _suppress(message, OVERTAKEN)
        return None
    why_not = facts.why_not(message)
    if why_not:
        _suppress(message, why_not)
        return None
    if message.channel == Channel.IN_APP:
        _deliver_in_app(message, facts)
        return None
    if message.channel == Channel.PUSH and push_target(message.recipient) is None:
        _suppress(message, NO_DEVICE)
        return None
    wait = facts.wait(message)
    if wait is not None:
        _wait(message, wait)
        return None
    return _claim(message, facts)


def _claim(message: Message, facts: Facts) -> Claim | None:
    if not facts.accounts(message.channel):
        facts.events.append(give_up(message, MessageStatus.FAILED, NO_PROVIDER))
        return None
    found = facts.next_account(message, ())
    if isinstance(found, Wait):
        _wait(message, found)
        return None
    account, probe = found
    claim = _start(message, account, probe, facts)
    if claim is None and probe:
        give_back_probe(require_clinic(), account.id)
    return claim


def _start(message: Message, account: ResolvedAccount, probe: bool, facts: Facts) -> Claim | None:
    try:
        rendered, wording = facts.words.render(message)
    except RefusedTemplate as error:
        facts.events.append(give_up(message, MessageStatus.FAILED, NO_TEXT.format(why=error)))
        return None
    if not charge(message, facts.rules, facts.zone):
        _wait(message, facts.cap_wait(message))
        return None
    message.subject, message.body = rendered.subject[:300], rendered.text
    message.become(MessageStatus.SENDING)
    message.attempts += 1
    message.next_at = clock.now() + LEASE
    outgoing = _outgoing(message, rendered, wording, facts.sender)
    claim = _attempt(message, account, probe, outgoing, wording, facts)
    return replace(claim, charged_on=clock.today(facts.zone))


def _attempt(
    message: Message,
    account: ResolvedAccount,
    probe: bool,
    outgoing: OutgoingMessage,
    wording: Wording,
    facts: Facts,
) -> Claim:
    """The row that tells, should this process die, that the call may have been made."""
    message.provider = account.provider
    attempt = MessageAttempt(id=new_id(), message_id=message.id, provider=account.provider, account_id=account.id)
    facts.attempts.append(attempt)
    addressed = _addressed(message, outgoing, account, wording)
    return Claim(require_clinic(), message.id, attempt.id, account, addressed, wording, message.next_at, probe)


def fall_back(message: Message, claim: Claim, facts: Facts) -> Claim | None:
    """The same attempt through the next account of the channel that may be called; None when there is none."""
    found = facts.next_account(message, had_their_turn(claim, facts))
    if isinstance(found, Wait):
        return None
    account, probe = found
    message.next_at = clock.now() + LEASE
    again = _attempt(message, account, probe, claim.message, claim.wording, facts)
    return replace(again, charged_on=claim.charged_on)


def had_their_turn(claim: Claim, facts: Facts) -> tuple[str, ...]:
    """Accounts are tried in their order: everything up to the one that just failed had its turn."""
    order = [account.id for account in facts.accounts(claim.account.channel)]
    last = order.index(claim.account.id) if claim.account.id in order else len(order) - 1
    return tuple(order[: last + 1])


def _outgoing(message: Message, rendered: Rendered, wording: Wording, sender: str) -> OutgoingMessage:
    by_template = message.channel == Channel.WHATSAPP
    return OutgoingMessage(
        delivery_id=message.id,
        to=message.recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        variables=approved_variables(message, wording) if by_template else {},
        attachments=_attachments(message),
        sender=sender,
        language=message.language,
    )


def _addressed(
    message: Message, outgoing: OutgoingMessage, account: ResolvedAccount, wording: Wording
) -> OutgoingMessage:
    """With what depends on the provider: the name of its template, where its receipts go, files that it fetches."""
    receipts = f"{get_settings().base_url}/api/messaging/{account.provider}/webhook?clinicId={message.clinic_id}"
    changed = replace(outgoing, receipt_url=receipts)
    if message.channel == Channel.PUSH:
        token, kind = push_target(message.recipient) or ("", "")
        changed = replace(changed, to=token, to_kind=kind)
    if message.channel == Channel.WHATSAPP:
        changed = replace(changed, template=approved_name(message, wording, account.provider))
    if channel_with_code(account.provider).capabilities.files_by_link and outgoing.attachments:
        linked = zip(outgoing.attachments, message.attachment_ids, strict=True)
        changed = replace(changed, attachments=tuple(replace(item, url=file_url(key)) for item, key in linked))
    return changed


def _attachments(message: Message) -> tuple[Attachment, ...]:
    if message.channel == Channel.PUSH:
        return ()  # a push only says that there is news
    found = [db.session.get_one(StoredFile, file_id) for file_id in message.attachment_ids]
    return tuple(Attachment(item.name, item.mime_type, bytes(item.content)) for item in found)


def _deliver_in_app(message: Message, facts: Facts) -> None:
    """Nothing leaves the house: shown at once where the person looks, kept for when they do."""
    try:
        rendered, _wording = facts.words.render(message)
    except RefusedTemplate as error:
        facts.events.append(give_up(message, MessageStatus.FAILED, NO_TEXT.format(why=error)))
        return
    message.subject, message.body = rendered.subject[:300], rendered.text
    message.become(MessageStatus.SENDING)
    message.attempts += 1
    facts.events.append(sent(message))
    push("alert", {"id": message.id, "title": message.subject}, user_room(message.clinic_id, message.recipient))


def _suppress(message: Message, reason: str) -> None:
    message.become(MessageStatus.SUPPRESSED)
    message.reason = reason[:300]


def _wait(message: Message, wait: Wait) -> None:
    message.next_at, message.reason = wait.until, wait.reason[:300]
    message.gathered = wait.digest


def _let_others_wait(facts: Facts) -> None:
    """What holds up one message of a channel holds up all that are not more urgent: they need not be looked at."""
    now = clock.now()
    for channel, (wait, urgency) in facts.held_up.items():
        others = (
            select(Message.id)
            .where(
                Message.channel == channel,
                Message.status == MessageStatus.QUEUED,
                Message.next_at <= now,
                Message.urgency >= urgency,
                Message.gathered.is_(False),
            )
            .with_for_update(skip_locked=True)
        )
        changed = update(Message).where(Message.id.in_(others)).values(next_at=wait.until, reason=wait.reason[:300])
        db.session.execute(changed.execution_options(synchronize_session=False))
