"""A person's own notifications, and how they want to be written to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.api import Api, ListQuery, endpoint
from app.core.errors import NotFound
from app.core.paging import page
from app.core.principal import current_principal
from app.core.tenant import db
from app.messaging.models import Channel, Message
from app.messaging.services import mark_read


class NotificationApi(Api):
    """My in-app notifications."""

    openapi_tag = "Notifications"

    @endpoint("GET", "/notifications", resource="notification", action="read", query=ListQuery)
    def notifications(self, query: ListQuery) -> dict[str, Any]:
        """My notifications, newest first."""
        mine = select(Message.id, Message.subject, Message.body, Message.created_at, Message.read_at).where(
            Message.channel == Channel.IN_APP, Message.recipient == current_principal().user_id
        )
        return page(mine, [Message.created_at, Message.id], query, _show, descending=True)

    @endpoint("POST", "/notifications/<id:message_id>/read", resource="notification", action="update")
    def read(self, message_id: str) -> dict[str, Any]:
        """Mark one as read."""
        message = db.session.get(Message, message_id)
        if message is None or message.channel != Channel.IN_APP or message.recipient != current_principal().user_id:
            raise NotFound
        mark_read(message)
        return _show(message)


def _show(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "title": message.subject,
        "text": message.body,
        "createdAt": message.created_at.isoformat(),
        "readAt": message.read_at.isoformat() if message.read_at else None,
    }
