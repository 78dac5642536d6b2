"""Every message that was sent, with what was attached, as the recipient would have got it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.store import Store

CHANNELS = ("email", "whatsapp", "sms", "push")


@dataclass(frozen=True)
class Attachment:
    """Its bytes, or the address where the provider would have fetched them."""

    filename: str
    mime_type: str
    content: bytes | None = None
    url: str | None = None


@dataclass(frozen=True)
class Message:
    """`details` holds what only this channel has (subject, html, template, headers ...)."""

    channel: str
    provider: str
    to: str
    sender: str
    body: str
    reference: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    id: str = field(default_factory=lambda: f"msg_{random_text(16)}")


def recipient_key(address: str) -> str:
    """E-mail addresses in lower case, telephone numbers as digits, anything else as it is."""
    if "@" in address:
        return address.strip().lower()
    digits = re.sub(r"[\s+().-]", "", address)
    return digits if digits.isdigit() else address.strip()


class Outbox:
    """The messages of all channels."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, message: Message) -> None:
        shown = {
            "id": message.id, "channel": message.channel, "provider": message.provider, "to": message.to,
            "from": message.sender, "subject": None, "template": None, "html": None, "status": "accepted",
            **message.details, "body": message.body, "reference": message.reference, "sentAt": clock.iso(),
        }  # fmt: skip
        with self._store.transaction():
            self._store.run(
                "insert into messages(id, channel, provider, recipient, sent_at, body) values (?, ?, ?, ?, ?, ?)",
                (message.id, message.channel, message.provider, recipient_key(message.to), shown["sentAt"],
                 json.dumps(shown)),
            )  # fmt: skip
            for position, file in enumerate(message.attachments):
                row = (message.id, position, file.filename, file.mime_type, file.url, file.content)
                self._store.run("insert into attachments values (?, ?, ?, ?, ?, ?)", row)

    def set_status(self, id: str, status: str) -> None:
        with self._store.transaction():
            self._store.run("update messages set body = json_set(body, '$.status', ?) where id = ?", (status, id))

    def sent(self, *, to: str | None, channel: str | None, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        rows = self._store.rows(
            "select body from messages where recipient = coalesce(?, recipient) and channel = coalesce(?, channel)"
            " order by seq desc limit ?",
            (recipient_key(to) if to else None, channel, limit),
        )
        return [self._shown(row["body"]) for row in rows]

    def get(self, id: str) -> dict[str, Any] | None:
        row = self._store.row("select body from messages where id = ?", (id,))
        return None if row is None else self._shown(row["body"])

    def _shown(self, body: str) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(body)
        rows = self._store.rows(
            "select position, filename, mime_type, url, length(content) as size from attachments"
            " where message_id = ? order by position",
            (message["id"],),
        )
        message["attachments"] = [_attachment(message["id"], row) for row in rows]
        return message

    def attachment(self, id: str, position: int) -> Attachment | None:
        row = self._store.row("select * from attachments where message_id = ? and position = ?", (id, position))
        return None if row is None else Attachment(row["filename"], row["mime_type"], row["content"], row["url"])


def _attachment(id: str, row: Any) -> dict[str, Any]:
    return {
        "filename": row["filename"],
        "mimeType": row["mime_type"],
        "size": row["size"],
        "url": row["url"] or f"/messages/{id}/attachments/{row['position']}",
    }
