"""What a person is told in the console, and what of it is new to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from app.core.errors import NotFound
from app.core.principal import current_principal
from app.core.tenant import db
from app.messaging.models import Channel, Message
from app.messaging.services import mark_read

COUNTED = 100  # a bell needs no more


def my_notifications(*columns: Any) -> Select[Any]:
    """Those of whoever asks."""
    wanted = select(*columns) if columns else select(Message)
    return wanted.where(
        Message.channel == Channel.IN_APP,
        Message.recipient == current_principal().user_id,
        Message.sent_at.is_not(None),
    )


def unread_count() -> int:
    """At most COUNTED."""
    unread = my_notifications(Message.id).where(Message.read_at.is_(None)).limit(COUNTED).subquery()
    return db.session.scalar(select(func.count()).select_from(unread)) or 0


def read_notification(message_id: str) -> Message:
    """Raises NotFound for what was told to somebody else."""
    message = db.session.scalar(my_notifications().where(Message.id == message_id))
    if message is None:
        raise NotFound
    mark_read(message)
    return message


def read_all_notifications() -> None:
    """The newest COUNTED that are new."""
    unread = my_notifications().where(Message.read_at.is_(None)).order_by(Message.created_at.desc())
    for message in db.session.scalars(unread.limit(COUNTED)):
        mark_read(message)
