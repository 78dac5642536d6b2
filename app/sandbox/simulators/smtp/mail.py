"""From the bytes of a mail to what the inbox shows."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import Any

from app.sandbox.messages import Attachment, Message
from app.sandbox.simulators.smtp import CODE


def read_mail(content: bytes, envelope_from: str, recipients: list[str], queue_id: str) -> list[Message]:
    """One message per envelope recipient; the first one's id is the queue id of the final reply."""
    mail = message_from_bytes(content, policy=default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    details: dict[str, Any] = {
        "subject": str(mail.get("Subject", "")), "html": _text(html) if html is not None else None,
        "headers": {name: str(value) for name, value in mail.items()}, "envelopeFrom": envelope_from,
    }  # fmt: skip
    attachments = tuple(_attachment(part) for part in mail.walk() if _is_attached(part, (text, html)))
    return [
        Message(
            channel="email", provider=CODE, to=recipient, sender=str(mail.get("From", envelope_from)),
            body=_text(text) if text is not None else "", reference=mail.get("Message-ID"), details=details,
            attachments=attachments, id=queue_id if place == 0 else f"{queue_id}-{place + 1}",
        )
        for place, recipient in enumerate(recipients)
    ]  # fmt: skip


def _text(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def _is_attached(part: Any, bodies: tuple[Any, ...]) -> bool:
    return not part.is_multipart() and not any(part is body for body in bodies)


def _attachment(part: Any) -> Attachment:
    content = part.get_payload(decode=True) or b""
    return Attachment(part.get_filename() or "part", part.get_content_type(), content)
