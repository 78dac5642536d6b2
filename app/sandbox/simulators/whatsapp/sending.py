"""Taking a message in, keeping it, and telling what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.sandbox import clock
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.messages import Attachment, Message, recipient_key
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.whatsapp.account import CODE, WhatsAppAccount, notice, unix_text
from app.sandbox.simulators.whatsapp.drafts import Draft, read_draft
from app.sandbox.simulators.whatsapp.errors import GraphError, title
from app.sandbox.simulators.whatsapp.media import MEDIA_NOT_FOUND, find_file
from app.sandbox.webhooks import Notice

WINDOW = f"{CODE}.window"
WINDOW_SECONDS = 24 * 3600
OUTSIDE_WINDOW = 131047


@dataclass(frozen=True)
class Sender:
    """One business number and the sandbox that it lives in."""

    account: WhatsAppAccount
    sandbox: Sandbox


def send_message(sender: Sender, body: dict[str, Any]) -> dict[str, Any]:
    """Answers `accepted`; delivery or failure comes as a status. Raises GraphError."""
    draft = read_draft(body)
    _check_recipient(sender, draft)
    _check_template(sender.account, draft)
    message_id = f"wamid.{random_text(44)}"
    with sender.sandbox.store.transaction():
        sender.sandbox.outbox.keep(_message(sender, draft, message_id))
        _announce(sender, draft, message_id)
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": body.get("to") or body.get("recipient"), "wa_id": draft.to}],
        "messages": [{"id": message_id, "message_status": "accepted"}],
    }


def _check_recipient(sender: Sender, draft: Draft) -> None:
    if draft.to == recipient_key(sender.account.display_phone_number):
        raise GraphError(131021, "Sender and recipient are the same.")
    code = sender.sandbox.recipients.code(CODE, draft.to, "send")
    if code is not None:
        raise GraphError(code, title(code))


def _check_template(account: WhatsAppAccount, draft: Draft) -> None:
    if draft.template is None or account.templates is None:
        return
    name, language = draft.template["name"], draft.template["language"]["code"]
    known = [item for item in account.templates if (item.name, item.language) == (name, language)]
    if not known:
        raise GraphError(132001, f"template name ({name}) does not exist in {language}")
    code = {"PAUSED": 132015, "DISABLED": 132016}.get(known[0].status)
    if code is not None:
        raise GraphError(code, f"template name ({name}) is {known[0].status.lower()}")


def _message(sender: Sender, draft: Draft, message_id: str) -> Message:
    return Message(
        channel="whatsapp", provider=CODE, to=draft.to, sender=sender.account.display_phone_number, body=draft.body,
        reference=draft.callback_data, details={"type": draft.type, "template": draft.template},
        attachments=tuple(_attachment(sender, item) for item in draft.media), id=message_id,
    )  # fmt: skip


def _attachment(sender: Sender, item: dict[str, Any]) -> Attachment:
    """Raises GraphError for a media id that was never uploaded to this number."""
    name = str(item.get("filename") or "document")
    if item.get("link"):
        return Attachment(name, "", url=str(item["link"]))
    file = find_file(sender.sandbox, sender.account, str(item["id"]))
    if file is None:
        raise GraphError(131009, MEDIA_NOT_FOUND)
    return Attachment(str(item.get("filename") or file.filename), file.mime_type, file.content)


def _announce(sender: Sender, draft: Draft, message_id: str) -> None:
    code = sender.sandbox.recipients.code(CODE, draft.to, "status")
    if code is None and draft.template is None and not _window_open(sender, draft.to):
        code = OUTSIDE_WINDOW
    account = sender.account
    statuses = ["failed"] if code is not None else ["sent", "delivered", *["read"] * account.read_receipts]
    notices = [
        _status(sender, draft, message_id, status, place * account.delivery_seconds, code)
        for place, status in enumerate(statuses)
    ]
    sender.sandbox.outbox.set_status(message_id, statuses[-1])
    sender.sandbox.announce(CODE, account, message_id, notices)


def _window_open(sender: Sender, to: str) -> bool:
    if not sender.account.enforce_window:
        return True
    window = sender.sandbox.documents.get(WINDOW, f"{sender.account.phone_number_id}:{to}")
    return window is not None and window["at"] > clock.seconds() - WINDOW_SECONDS


def _status(sender: Sender, draft: Draft, message_id: str, status: str, delay: float, code: int | None) -> Notice:
    entry: dict[str, Any] = {
        "id": message_id, "status": status, "timestamp": unix_text(delay), "recipient_id": draft.to,
    }  # fmt: skip
    if draft.callback_data is not None:
        entry["biz_opaque_callback_data"] = draft.callback_data
    if code is not None:
        text = title(code)
        entry["errors"] = [{"code": code, "title": text, "message": text, "error_data": {"details": text}}]
    elif status in ("sent", "delivered"):
        entry |= _billing(message_id, bool(draft.template))
    return notice(sender.account, f"message.{status}", {"statuses": [entry]}, delay)


def _billing(message_id: str, billable: bool) -> dict[str, Any]:
    category = "utility" if billable else "service"
    return {
        "conversation": {"id": message_id[-32:].lower(), "origin": {"type": category}},
        "pricing": {"billable": billable, "pricing_model": "PMP", "type": "regular", "category": category},
    }


def receive(sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
    """A person writes to the clinic: opens the 24 h window and sends the webhook."""
    account = sandbox.accounts.find(CODE, str(command.get("phoneNumberId")))
    if not isinstance(account, WhatsAppAccount):
        raise UnknownRecord("no such phoneNumberId")
    person, text = recipient_key(str(command.get("from") or "")), command.get("text")
    if not person.isdigit() or not isinstance(text, str) or not text:
        raise SandboxError("from (a telephone number) and text are needed")
    inbound: dict[str, Any] = {
        "from": person, "id": f"wamid.{random_text(44)}", "timestamp": unix_text(),
        "type": "text", "text": {"body": text},
    }  # fmt: skip
    contact = {"profile": {"name": str(command.get("name", "Patient"))}, "wa_id": person}
    with sandbox.store.transaction():
        sandbox.documents.put(WINDOW, {"id": f"{account.phone_number_id}:{person}", "at": clock.seconds()})
        value = {"contacts": [contact], "messages": [inbound]}
        sandbox.announce(CODE, account, inbound["id"], [notice(account, "message.received", value)])
    return inbound
