"""The digest: unimportant mail to one person, gathered over the day and sent as one."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.messaging.models import URGENCY, Channel, Message, MessageStatus
from app.messaging.strict_jinja import RefusedTemplate
from app.messaging.wording import WordBook
from app.tenancy.queries import clinic_in_scope

MOST_PEOPLE = 500
MOST_NEWS = 30
LONGEST_NEWS = 18_000
DIGEST = "digest"  # the name of its template
IN_DIGEST = "It left with others in one mail."


def waiting_digests() -> list[tuple[str, str]]:
    """Clinics and addresses whose gathered mail is due; of every clinic, for whoever may look at all."""
    wanted = select(Message.clinic_id, Message.recipient).where(
        Message.status == MessageStatus.QUEUED, Message.gathered, Message.next_at <= clock.now()
    )
    return [(row.clinic_id, row.recipient) for row in db.session.execute(wanted.distinct().limit(MOST_PEOPLE))]


def gather(recipient: str) -> Message | None:
    """One mail of all that waited for it; a single one leaves as it is. None when another process was faster."""
    waiting = db.session.scalars(
        select(Message)
        .where(
            Message.channel == Channel.EMAIL,
            Message.recipient == recipient,
            Message.status == MessageStatus.QUEUED,
            Message.gathered,
            Message.next_at <= clock.now(),
        )
        .order_by(Message.created_at, Message.id)
        .limit(MOST_NEWS)
        .with_for_update(skip_locked=True)
    ).all()
    if len(waiting) < 2:
        return _release(waiting[0]) if waiting else None
    words = WordBook()
    parts = [part for message in waiting if (part := _part(message, words))]
    digest = _digest(waiting[0], parts)
    for message in waiting:
        message.become(MessageStatus.DIGESTED)
        message.reason, message.digest_id = IN_DIGEST, digest.id
    return digest


def _release(message: Message) -> Message:
    from app.messaging.jobs import wake_later

    message.gathered, message.priority, message.urgency = False, "NORMAL", URGENCY["NORMAL"]
    wake_later(message.channel)
    return message


def _part(message: Message, words: WordBook) -> str:
    try:
        rendered, _wording = words.render(message)
    except RefusedTemplate:
        return ""
    message.subject, message.body = rendered.subject[:300], rendered.text
    return f"{rendered.subject}\n\n{rendered.text}"


def _digest(first: Message, parts: list[str]) -> Message:
    from app.messaging.services import queue_message

    key = hashlib.sha256(f"{first.recipient}:{first.id}".encode()).hexdigest()[:32]
    news = "\n\n– – –\n\n".join(parts)[:LONGEST_NEWS]
    return queue_message(
        Channel.EMAIL,
        first.recipient,
        DIGEST,
        {"count": str(len(parts)), "news": news, "clinic": clinic_in_scope().name},
        dedupe_key=f"digest:{key}",
        patient_id=first.patient_id,
        user_id=first.user_id,
        language=first.language,
        priority="NORMAL",
    )
