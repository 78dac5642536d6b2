"""A person's own notifications, and how they want to be written to."""

from __future__ import annotations

from typing import Any

from app.core.api import Api, ListQuery, endpoint
from app.core.paging import page
from app.messaging.models import Message
from app.messaging.notifications import my_notifications, read_notification


class NotificationApi(Api):
    """My in-app notifications."""

    openapi_tag = "Notifications"

    @endpoint("GET", "/notifications", resource="notification", action="read", query=ListQuery)
    def notifications(self, query: ListQuery) -> dict[str, Any]:
        """My notifications, newest first."""
        mine = my_notifications(Message.id, Message.subject, Message.body, Message.created_at, Message.read_at)
        return page(mine, [Message.created_at, Message.id], query, _show, descending=True)

    @endpoint("POST", "/notifications/<id:message_id>/read", resource="notification", action="update")
    def read(self, message_id: str) -> dict[str, Any]:
        """Mark one as read."""
        return _show(read_notification(message_id))


def _show(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "title": message.subject,
        "text": message.body,
        "createdAt": message.created_at.isoformat(),
        "readAt": message.read_at.isoformat() if message.read_at else None,
    }
