"""The keyed hash chain: making links, sealing the head, finding where a chain was touched (SPEC AUD-2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import select, tuple_

from app.audit.models import AuditChain, AuditEntry
from app.core.tenant import db, tenant_scope
from config import get_settings

SEALED_COLUMNS = (
    "number", "at", "user_id", "username", "role", "action", "entity", "entity_id", "changes", "reason", "address",
    "request_id", "event_id",
)  # fmt: skip

LANE_OPENED = "audit.lane.opened"
ENDS_NOTED = "audit.ends.noted"


def _mac(purpose: str, clinic_id: str, text: bytes) -> str:
    key = base64.b64decode(get_settings().audit_key.get_secret_value())
    return hmac.new(key, f"{purpose}:{clinic_id}:".encode() + text, hashlib.sha256).hexdigest()


def link(clinic_id: str, lane: int, previous: str, values: dict[str, Any]) -> str:
    """The MAC of an entry, over its values and the MAC before it in its lane."""
    sealed = {name: _canonical(values.get(name)) for name in SEALED_COLUMNS}
    text = previous.encode() + orjson.dumps(sealed, option=orjson.OPT_SORT_KEYS)
    return _mac(_purpose("entry", lane), clinic_id, text)


def seal(clinic_id: str, lane: int, length: int, mac: str) -> str:
    return _mac(_purpose("head", lane), clinic_id, f"{length}:{mac}".encode())


def _purpose(name: str, lane: int) -> str:
    """Nothing of one lane passes for something of another."""
    return f"{name}/{lane}" if lane else name


def _canonical(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Finding:
    """Where a chain does not hold, in words; places of another lane than 0 are told as 3/17."""

    text: str


@dataclass
class _Walked:
    """What the entries of a clinic came to."""

    ends: dict[int, tuple[int, str]] = field(default_factory=dict)  # length and last MAC of each lane
    opened: set[int] = field(default_factory=lambda: {0})
    noted: dict[int, tuple[int, str]] = field(default_factory=dict)  # where lanes ended once

    def read(self, entry: AuditEntry) -> None:
        """Take in what an unchanged entry tells of the lanes."""
        if entry.action == LANE_OPENED:
            self.opened.add(entry.changes["lane"])
        elif entry.action == ENDS_NOTED:
            for lane, (length, mac) in entry.changes["ends"].items():
                self.noted[int(lane)] = max((length, mac), self.noted.get(int(lane), (0, "")))


def verify(clinic_id: str) -> list[Finding]:
    """Walk the chain of the clinic and tell every place that was edited, swapped, removed or cut off.

    Entries and head are read in one snapshot: what is added meanwhile would look like a tail that was cut off.
    """
    with tenant_scope(clinic_id, snapshot=True):
        return list(_walk(clinic_id))


def _walk(clinic_id: str) -> Iterator[Finding]:
    walked = _Walked()
    entries = select(AuditEntry).order_by(AuditEntry.lane, AuditEntry.number).execution_options(yield_per=1000)
    for lane, of_lane in groupby(db.session.scalars(entries), key=attrgetter("lane")):
        yield from _walk_lane(clinic_id, lane, of_lane, walked)
    yield from _verify_heads(clinic_id, walked)
    yield from _verify_noted(walked)


def _walk_lane(clinic_id: str, lane: int, entries: Iterable[AuditEntry], walked: _Walked) -> Iterator[Finding]:
    previous, expected = "", 1
    for entry in entries:
        if entry.number != expected:
            yield Finding(f"entries {_place(lane, expected)} to {_place(lane, entry.number - 1)} are missing")
        values = {name: getattr(entry, name) for name in SEALED_COLUMNS}
        if not hmac.compare_digest(link(clinic_id, lane, previous, values), entry.mac):
            yield Finding(f"entry {_place(lane, entry.number)} was changed, or what stands before it was")
        else:
            walked.read(entry)
        previous, expected = entry.mac, entry.number + 1
    walked.ends[lane] = (expected - 1, previous)


def _verify_heads(clinic_id: str, walked: _Walked) -> Iterator[Finding]:
    heads = {head.lane: head for head in db.session.scalars(select(AuditChain))}
    for lane in sorted(walked.opened | set(walked.ends) | set(heads)):
        if lane not in walked.opened:
            yield Finding(f"nothing tells that lane {lane} was opened")
        yield from _verify_head(clinic_id, lane, heads.get(lane), walked.ends.get(lane, (0, "")))


def _verify_head(clinic_id: str, lane: int, head: AuditChain | None, end: tuple[int, str]) -> Iterator[Finding]:
    length, mac = end
    if head is None:
        if length or lane:
            yield Finding(f"the head of {f'lane {lane}' if lane else 'the chain'} is missing")
    elif not hmac.compare_digest(seal(clinic_id, lane, head.length, head.mac), head.seal):
        yield Finding(f"the head of {f'lane {lane}' if lane else 'the chain'} was forged")
    elif head.length != length:
        yield Finding(f"entries {_place(lane, length + 1)} to {_place(lane, head.length)} were cut off the end")
    elif head.mac != mac:
        yield Finding(f"entry {_place(lane, length)} is not the one that was sealed")


def _verify_noted(walked: _Walked) -> Iterator[Finding]:
    """Nobody put back what a lane was before its end was noted in another one."""
    noted = [(lane, length) for lane, (length, _mac) in walked.noted.items()]
    places = select(AuditEntry.lane, AuditEntry.mac).where(tuple_(AuditEntry.lane, AuditEntry.number).in_(noted))
    macs = {row.lane: row.mac for row in db.session.execute(places)}
    for lane, (length, mac) in sorted(walked.noted.items()):
        if macs.get(lane) != mac:
            yield Finding(f"entry {_place(lane, length)} is not the one that was there when the lanes' ends were noted")


def _place(lane: int, number: int) -> str:
    return f"{lane}/{number}" if lane else str(number)
