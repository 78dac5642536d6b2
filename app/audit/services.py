"""Writing the trail: changes are collected from the session, events and reads are added, all sealed last in the
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.audit.chain import link, seal
from app.audit.models import AuditChain, AuditEntry
from app.core import clock
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.core.transaction import before_commit, transaction_notes
from app.events.models import EventRecord


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


def note(session: Session, item: Note) -> None:
    transaction_notes(session).append(item)
    before_commit("audit", _seal_notes, session)


def _seal_notes(session: Session) -> None:
    notes: list[Note] = transaction_notes(session)
    for clinic_id in sorted({item.clinic_id for item in notes}):
        _append(session, clinic_id, [item for item in notes if item.clinic_id == clinic_id])


def _append(session: Session, clinic_id: str, notes: list[Note]) -> None:
    head = _lock_head(session, clinic_id)
    rows, mac = [], head.mac
    for number, item in enumerate(notes, head.length + 1):
        values = {**item.circumstances, **_values(item), "number": number}
        mac = link(clinic_id, mac, values)
        rows.append({**values, "id": new_id(), "clinic_id": clinic_id, "mac": mac})
    session.execute(insert(AuditEntry), rows)
    head.length, head.mac = head.length + len(rows), mac
    head.seal = seal(clinic_id, head.length, mac)
    session.flush()
    _link_events(session, rows)


def _lock_head(session: Session, clinic_id: str) -> AuditChain:
    wanted = select(AuditChain).where(AuditChain.clinic_id == clinic_id).with_for_update()
    head = session.scalar(wanted.execution_options(populate_existing=True))
    if head is None:
        session.execute(upsert(AuditChain).values(clinic_id=clinic_id).on_conflict_do_nothing())
        head = session.scalars(wanted.execution_options(populate_existing=True)).one()
    return head


def _values(item: Note) -> dict[str, Any]:
    return {
        "at": clock.now(),
        "action": item.action,
        "entity": item.entity,
        "entity_id": item.entity_id,
        "changes": item.changes,
        "reason": item.reason,
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


def _link_events(session: Session, rows: list[dict[str, Any]]) -> None:
    by_event = [{"id": row["event_id"], "audit_entry_id": row["id"]} for row in rows if row["event_id"]]
    if by_event:
        session.bulk_update_mappings(EventRecord, by_event)  # type: ignore[arg-type]
