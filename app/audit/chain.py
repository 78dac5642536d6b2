"""The keyed hash chain: making links, sealing the head, finding where a chain was touched (SPEC AUD-2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select

from app.audit.models import AuditChain, AuditEntry
from app.core.tenant import db, tenant_scope
from config import get_settings

SEALED_COLUMNS = (
    "number", "at", "user_id", "username", "role", "action", "entity", "entity_id", "changes", "reason", "address",
    "request_id", "event_id",
)  # fmt: skip


def _mac(purpose: str, clinic_id: str, text: bytes) -> str:
    key = base64.b64decode(get_settings().audit_key.get_secret_value())
    return hmac.new(key, f"{purpose}:{clinic_id}:".encode() + text, hashlib.sha256).hexdigest()


def link(clinic_id: str, previous: str, values: dict[str, Any]) -> str:
    """The MAC of an entry, over its values and the MAC before it."""
    sealed = {name: _canonical(values.get(name)) for name in SEALED_COLUMNS}
    return _mac("entry", clinic_id, previous.encode() + orjson.dumps(sealed, option=orjson.OPT_SORT_KEYS))


def seal(clinic_id: str, length: int, mac: str) -> str:
    return _mac("head", clinic_id, f"{length}:{mac}".encode())


def _canonical(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Finding:
    """Where a chain does not hold, in words."""

    number: int
    text: str


def verify(clinic_id: str) -> list[Finding]:
    """Walk the chain of the clinic and tell every place that was edited, swapped, removed or cut off.

    Entries and head are read in one snapshot: what is added meanwhile would look like a tail that was cut off.
    """
    with tenant_scope(clinic_id, snapshot=True):
        return list(_walk(clinic_id))


def _walk(clinic_id: str) -> Iterator[Finding]:
    previous, expected = "", 1
    entries = select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
    for entry in db.session.scalars(entries):
        if entry.number != expected:
            yield Finding(expected, f"entries {expected} to {entry.number - 1} are missing")
        values = {name: getattr(entry, name) for name in SEALED_COLUMNS}
        if not hmac.compare_digest(link(clinic_id, previous, values), entry.mac):
            yield Finding(entry.number, f"entry {entry.number} was changed, or what stands before it was")
        previous, expected = entry.mac, entry.number + 1
    yield from _verify_head(clinic_id, expected - 1, previous)


def _verify_head(clinic_id: str, length: int, mac: str) -> Iterator[Finding]:
    head = db.session.scalar(select(AuditChain))
    if head is None:
        if length:
            yield Finding(length, "the head of the chain is missing")
        return
    if not hmac.compare_digest(seal(clinic_id, head.length, head.mac), head.seal):
        yield Finding(head.length, "the head of the chain was forged")
    elif head.length != length:
        yield Finding(length + 1, f"entries {length + 1} to {head.length} were cut off the end")
    elif head.mac != mac:
        yield Finding(length, f"entry {length} is not the one that was sealed")
