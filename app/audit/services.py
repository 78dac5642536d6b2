"""Writing the trail: changes are collected from the session, events and reads are added, all sealed last in the
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from flask import g, has_request_context, request
from sqlalchemy import Connection, Table, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.audit.chain import link, seal
from app.audit.models import AuditChain, AuditEntry
from app.core import clock
from app.core.card_numbers import mask_card_numbers
from app.core.connections import execute_with_commit
from app.core.ids import new_id
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
    return db.session.scalar(wanted.order_by(AuditEntry.number.desc()).limit(1))


def note(session: Session, item: Note) -> None:
    transaction_notes(session).append(item)
    before_commit("audit", _seal_notes, session)


def _seal_notes(session: Session) -> None:
    notes: list[Note] = transaction_notes(session)
    for clinic_id in sorted({item.clinic_id for item in notes}):
        _append(session, clinic_id, [item for item in notes if item.clinic_id == clinic_id])


def _append(session: Session, clinic_id: str, notes: list[Note]) -> None:
    """Every change of the clinic waits here for the one before: plain statements, as few as there can be."""
    connection = session.connection()
    length, mac = _lock_head(connection, clinic_id)
    rows = []
    for number, item in enumerate(notes, length + 1):
        values = {**item.circumstances, **_values(item), "number": number}
        mac = link(clinic_id, mac, values)
        rows.append({**values, "mac": mac})
    length += len(rows)
    head = {"length": length, "mac": mac, "seal": seal(clinic_id, length, mac), "now": rows[-1]["at"]}
    execute_with_commit(connection, _ADD, {**head, "clinic_id": clinic_id, "rows": as_json(rows)})


def _lock_head(connection: Connection, clinic_id: str) -> tuple[int, str]:
    """Length and last MAC of the clinic's chain, locked until the transaction ends."""
    asked = {"of_clinic": clinic_id}
    head = connection.execute(_HEAD, asked).one_or_none()
    if head is None:
        connection.execute(upsert(AuditChain).values(clinic_id=clinic_id).on_conflict_do_nothing())
        head = connection.execute(_HEAD, asked).one()
    return head.length, head.mac


_chain, _entry = (cast(Table, model.__table__) for model in (AuditChain, AuditEntry))
_OF_CLINIC = _chain.c.clinic_id == bindparam("of_clinic")
_HEAD = select(_chain.c.length, _chain.c.mac).where(_OF_CLINIC).with_for_update()
_COLUMNS = ", ".join(_entry.columns.keys())
# Any number of entries and the head that the last one becomes: one statement.
_ADD = text(f"""
with head as (
  update audit_chain set length = :length, mac = :mac, seal = :seal, updated_at = :now
  where clinic_id = cast(:clinic_id as uuid)
)
insert into audit_entry ({_COLUMNS}) select {_COLUMNS} from {recordset(_entry, _entry.columns.keys())}
""")  # noqa: S608 - names of columns


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
