"""Sending in workers: the most urgent first, and what a lost wake-up or a dead worker left behind.

A job is only a wake-up: which messages leave is read from the database, so that a thousand urgent ones do not stand
behind ten thousand others in a queue, and no job says anything about a message.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import select

from app.core import clock
from app.core.jobs import Job, job, redis_connection
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import after_commit, unit_of_work
from app.messaging.delivery import deliver, park_abandoned
from app.messaging.digest import gather, waiting_digests
from app.messaging.models import Channel, Message, MessageStatus
from app.messaging.notice_jobs import forget_old_notices, process_provider_notice, sweep_provider_notices

__all__ = ["forget_old_notices", "process_provider_notice", "sweep_provider_notices"]

log = logging.getLogger(__name__)

# So few that a worker soon looks for more urgent work between two batches, so many that calls go side by side.
BATCH = 50
SWEPT = 200
# A fresh message is woken by its own commit; the sweeper takes it only after this time.
GRACE = timedelta(seconds=15)
# A wake-up that was set this long ago is repeated, whatever became of it.
AWAKE_SECONDS = 5
MAIL = (Channel.EMAIL.value,)
OTHER = tuple(channel.value for channel in Channel if channel is not Channel.EMAIL)


@job("email", attempts=1, timeout=300)
def send_mail() -> None:
    """Send a batch of mail."""
    _send_some(MAIL, send_mail)


@job("notification", attempts=1, timeout=300)
def send_notifications() -> None:
    """Send a batch of everything but mail."""
    _send_some(OTHER, send_notifications)


def _send_some(channels: tuple[str, ...], sender: Job[Any, Any]) -> None:
    """One batch; what is left waits for the next wake-up, behind the jobs that are more urgent than sending."""
    _sleepy(sender)
    picked = _most_urgent(channels)
    if not picked:
        return
    if sum(map(len, picked.values())) >= BATCH:
        wake(sender)  # before the calls: another worker, if there is one, goes on meanwhile
    deliver(picked)


def _most_urgent(channels: tuple[str, ...]) -> dict[str, list[str]]:
    """Due messages by clinic, of all clinics together the most urgent ones."""
    wanted = (
        select(Message.id, Message.clinic_id)
        .where(
            Message.status == MessageStatus.QUEUED,
            Message.next_at <= clock.now(),
            Message.gathered.is_(False),
            Message.channel.in_(channels),
        )
        .order_by(Message.urgency, Message.next_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    with all_tenants():
        rows = list(db.session.execute(wanted))
    picked: dict[str, list[str]] = {}
    for row in rows:
        picked.setdefault(row.clinic_id, []).append(row.id)
    return picked


def sender_for(channel: str) -> Job[Any, Any]:
    return send_mail if channel == Channel.EMAIL else send_notifications


def wake_later(channel: str) -> None:
    """Wake a sender once the present transaction is durable."""
    sender = sender_for(channel)
    after_commit(lambda: wake(sender))


def wake(sender: Job[Any, Any]) -> None:
    """One wake-up is enough for any number of messages: none is queued while another one waits."""
    try:
        first = redis_connection().set(_flag(sender), 1, nx=True, ex=AWAKE_SECONDS)
    except RedisError:
        return  # the sweeper finds the messages
    if first:
        sender.enqueue_now()


def _sleepy(sender: Job[Any, Any]) -> None:
    """From now on a new message needs a new wake-up."""
    try:
        redis_connection().delete(_flag(sender))
    except RedisError:
        return


def _flag(sender: Job[Any, Any]) -> str:
    return f"messages-awake:{sender.function.__name__}"


@job("notification", attempts=1, every=5)
def sweep_messages() -> int:
    """Wake the senders of due messages; park those whose worker died while sending."""
    with all_tenants():
        channels, abandoned = _due_channels(), _abandoned()
    for row in abandoned:
        _park(row.clinic_id, row.id)
    for sender in {sender_for(channel).name: sender_for(channel) for channel in channels}.values():
        wake(sender)
    return len(channels) + len(abandoned)


def _due_channels() -> list[str]:
    now = clock.now()
    fresh = (Message.attempts == 0) & (Message.created_at > now - GRACE) & Message.send_at.is_(None)
    due = select(Message.channel).where(
        Message.status == MessageStatus.QUEUED, Message.next_at <= now, Message.gathered.is_(False), ~fresh
    )
    return list(db.session.scalars(due.distinct()))


def _abandoned() -> list[Any]:
    wanted = select(Message.id, Message.clinic_id).where(
        Message.status == MessageStatus.SENDING, Message.next_at <= clock.now()
    )
    return list(db.session.execute(wanted.order_by(Message.next_at).limit(SWEPT)))


def _park(clinic_id: str, message_id: str) -> None:
    """One that fails is found by the next sweep, and does not hold up the others."""
    wanted = select(Message).where(
        Message.id == message_id, Message.status == MessageStatus.SENDING, Message.next_at <= clock.now()
    )
    with tenant_scope(clinic_id):
        try:
            with unit_of_work():
                message = db.session.scalar(wanted.with_for_update(skip_locked=True))
                if message is not None:
                    park_abandoned(message)
        except Exception:
            log.exception("an abandoned message could not be parked")


@job("notification", attempts=1, every=60)
def gather_digests() -> int:
    """Make one mail of each person's unimportant ones whose time has come."""
    with all_tenants():
        found = waiting_digests()
    return sum(_gather(clinic_id, recipient) for clinic_id, recipient in found)


def _gather(clinic_id: str, recipient: str) -> int:
    """One that fails waits for the next time, and does not hold up the others."""
    with tenant_scope(clinic_id):
        try:
            with unit_of_work():
                gather(recipient)
                return 1
        except Exception:
            log.exception("a digest could not be made")
            return 0
