"""Sending in workers, and the sweeper that finds what a lost wake-up or a dead worker left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core import clock
from app.core.jobs import Job, job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import park_abandoned, send
from app.messaging.models import Channel, Message, MessageStatus

BATCH = 200
# A fresh message is woken by its own commit; the sweeper takes it only after this time.
GRACE = timedelta(seconds=15)


@job("email", attempts=1, timeout=120)
def send_email(clinic_id: str, message_id: str) -> None:
    send(clinic_id, message_id)


@job("notification", attempts=1, timeout=180)
def send_notification(clinic_id: str, message_id: str) -> None:
    send(clinic_id, message_id)


def sender_for(channel: str) -> Job[Any, Any]:
    return send_email if channel == Channel.EMAIL else send_notification


@job("notification", attempts=1, every=5)
def sweep_messages() -> int:
    """Wake the senders of due messages; park those whose worker died while sending."""
    with all_tenants():
        due, abandoned = _overdue(MessageStatus.QUEUED), _overdue(MessageStatus.SENDING)
    for row in abandoned:
        with tenant_scope(row.clinic_id), unit_of_work():
            _park(row.id)
    for row in due:
        sender_for(row.channel).enqueue_now(row.clinic_id, row.id)
    return len(due) + len(abandoned)


def _overdue(status: MessageStatus) -> list[Any]:
    now = clock.now()
    wanted = select(Message.id, Message.clinic_id, Message.channel).where(
        Message.status == status, Message.next_at <= now
    )
    if status == MessageStatus.QUEUED:
        wanted = wanted.where((Message.attempts > 0) | (Message.created_at <= now - GRACE))
    return list(db.session.execute(wanted.order_by(Message.next_at).limit(BATCH)))


def _park(message_id: str) -> None:
    message = db.session.scalar(
        select(Message)
        .where(Message.id == message_id, Message.status == MessageStatus.SENDING, Message.next_at <= clock.now())
        .with_for_update(skip_locked=True)
    )
    if message is not None:
        park_abandoned(message)
