"""Uploaded media: kept thirty days, downloaded through a short-lived address."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.whatsapp.account import WhatsAppAccount
from app.sandbox.simulators.whatsapp.errors import INVALID_PARAMETER, GraphError, missing_object

KEPT_SECONDS = 30 * 24 * 3600
URL_SECONDS = 300
MEGABYTE = 1024 * 1024
LIMITS = {"image": 5 * MEGABYTE, "audio": 16 * MEGABYTE, "video": 16 * MEGABYTE}
DOCUMENT_LIMIT = 100 * MEGABYTE
DOCUMENT_TYPES = frozenset(
    {
        "application/pdf", "text/plain", "application/msword", "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)  # fmt: skip
MEDIA_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg",
     "video/mp4", "video/3gp"}
)  # fmt: skip
MEDIA_NOT_FOUND = "The media id was not found for this phone number."


@dataclass(frozen=True)
class StoredFile:
    """One uploaded file."""

    id: str
    mime_type: str
    filename: str
    content: bytes


def store_file(sandbox: Sandbox, account: WhatsAppAccount, filename: str, mime_type: str, content: bytes) -> str:
    """The new media id. Raises GraphError for a type or size that is not accepted."""
    if mime_type not in DOCUMENT_TYPES | MEDIA_TYPES:
        message = f"(#100) Param file must be a file of a supported type. Received file of type '{mime_type}'."
        raise GraphError(INVALID_PARAMETER, message=message)
    if len(content) > LIMITS.get(mime_type.partition("/")[0], DOCUMENT_LIMIT):
        raise GraphError(INVALID_PARAMETER, message="(#100) Param file is too large.")
    id = random_text(16, "123456789")
    with sandbox.store.transaction():
        row = (id, account.phone_number_id, mime_type, filename, content, clock.seconds())
        sandbox.store.run("insert into files values (?, ?, ?, ?, ?, ?)", row)
    return id


def find_file(sandbox: Sandbox, account: WhatsAppAccount, id: str) -> StoredFile | None:
    row = sandbox.store.row(
        "select * from files where id = ? and account = ? and at > ?",
        (id, account.phone_number_id, clock.seconds() - KEPT_SECONDS),
    )
    return None if row is None else StoredFile(row["id"], row["mime_type"], row["filename"], row["content"])


def get_file(sandbox: Sandbox, account: WhatsAppAccount, id: str) -> StoredFile:
    """Raises GraphError."""
    file = find_file(sandbox, account, id)
    if file is None:
        raise missing_object(id)
    return file


def delete_file(sandbox: Sandbox, account: WhatsAppAccount, id: str) -> None:
    get_file(sandbox, account, id)
    with sandbox.store.transaction():
        sandbox.store.run("delete from files where id = ?", (id,))


def describe_file(account: WhatsAppAccount, file: StoredFile, base_url: str) -> dict[str, object]:
    expires = clock.timestamp() + URL_SECONDS
    url = f"{base_url}whatsapp/download/{file.id}?ext={expires}&hash={download_hash(account, file.id, expires)}"
    return {
        "messaging_product": "whatsapp", "url": url, "mime_type": file.mime_type,
        "sha256": hashlib.sha256(file.content).hexdigest(), "file_size": len(file.content), "id": file.id,
    }  # fmt: skip


def download_hash(account: WhatsAppAccount, id: str, expires: int) -> str:
    return hmac.new(account.access_token.encode(), f"{id}.{expires}".encode(), hashlib.sha256).hexdigest()[:32]
