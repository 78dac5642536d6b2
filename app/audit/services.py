"""Writing the trail: changes are collected from the session, events and reads are added, all sealed last in the
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from flask import g, has_request_context, request
from sqlalchemy import Table, select, text
from sqlalchemy.orm import Session

from app.audit.chain import LANE_OPENED, link, seal
from app.audit.lanes import take_lane
from app.audit.models import AuditEntry
from app.core import clock
from app.core.card_numbers import mask_card_numbers
from app.core.connections import execute_with_commit
from app.core.ids import new_id
from app.core.kept import Kept
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.core.together import as_json, recordset
from app.core.transaction import before_commit, transaction_notes


@dataclass
class Note:
    """An entry to be sealed at commit."""

    clinic_id: str
    action: str
    entity: str
    entity_id: str | None
    changes: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    event_id: str | None = None
    entry_id: str = field(default_factory=new_id)
    circumstances: dict[str, Any] = field(default_factory=lambda: _circumstances())


def record(
    action: str,
    entity: str,
    entity_id: str | None,
    *,
    reason: str | None = None,
    clinic_id: str | None = None,
    **changes: Any,
) -> None:
    """Note something that changes no row: a read of a clinical record, an export, a refusal."""
    note(db.session(), Note(clinic_id or require_clinic(), action, entity, entity_id, changes, reason))


def last_entry(action: str, entity: str, entity_id: str) -> AuditEntry | None:
    """The latest entry of one kind about one row."""
    wanted = select(AuditEntry).where(
        AuditEntry.entity == entity, AuditEntry.entity_id == entity_id, AuditEntry.action == action
    )
    return db.session.scalar(wanted.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(1))


def note(session: Session, item: Note) -> None:
    transaction_notes(session).append(item)
    before_commit("audit", _seal_notes, session)


def _seal_notes(session: Session) -> None:
    notes: list[Note] = transaction_notes(session)
    for clinic_id in sorted({item.clinic_id for item in notes}):
        _append(session, clinic_id, [item for item in notes if item.clinic_id == clinic_id])


def _append(session: Session, clinic_id: str, notes: list[Note]) -> None:
    """Whoever wants the same lane waits here until the transaction ends: plain statements, as few as there can be."""
    connection = session.connection()
    end = take_lane(connection, clinic_id, spread=UUID(notes[0].entry_id).int)
    if end.opens is not None:
        notes = [*notes, Note(clinic_id, LANE_OPENED, "audit_chain", None, {"lane": end.opens})]
    mac, rows = end.mac, []
    for number, item in enumerate(notes, end.length + 1):
        values = {**item.circumstances, **_values(item), "lane": end.lane, "number": number}
        mac = link(clinic_id, end.lane, mac, values)
        rows.append({**values, "mac": mac})
    length = end.length + len(rows)
    sealed = {"mac": mac, "seal": seal(clinic_id, end.lane, length, mac), "now": rows[-1]["at"]}
    head = {"clinic_id": clinic_id, "lane": end.lane, "length": length, **sealed}
    execute_with_commit(connection, _ADD, {**head, "rows": as_json(rows)})


_entry = cast(Table, AuditEntry.__table__)
_COLUMNS = ", ".join(_entry.columns.keys())
# Any number of entries and the head of their lane that the last one becomes: one statement.
_ADD_SQL = f"""
with head as (
  update audit_chain set length = :length, mac = :mac, seal = :seal, updated_at = :now
  where clinic_id = cast(:clinic_id as uuid) and lane = :lane
)
insert into audit_entry ({_COLUMNS}) select {_COLUMNS} from {recordset(_entry, _entry.columns.keys())}
"""  # noqa: S608 - names of columns
_ADD = Kept(text(_ADD_SQL))


def _values(item: Note) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": item.entry_id,
        "clinic_id": item.clinic_id,
        "at": now,
        "created_at": now,
        "updated_at": now,
        "action": item.action,
        "entity": item.entity,
        "entity_id": item.entity_id,
        "changes": item.changes,
        "reason": item.reason and mask_card_numbers(item.reason),
        "event_id": item.event_id,
    }


def _circumstances() -> dict[str, Any]:
    principal = find_principal()
    return {
        "user_id": principal.user_id if principal else None,
        "username": principal.username if principal else None,
        "role": principal.role if principal else None,
        "address": request.remote_addr if has_request_context() else None,
        "request_id": g.get("request_id") if has_request_context() else None,
    }
