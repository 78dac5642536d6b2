"""Collects every change that a session flushes, and every event, for the trail."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.audit.services import Note, note
from app.core.models import Base, TenantModel
from app.core.together import tell_of_inserts
from app.core.transaction import transaction_notes
from app.events.models import EventDelivery, EventRecord

_SILENT_COLUMNS = frozenset({"id", "clinic_id", "created_at", "updated_at"})


@event.listens_for(Session, "before_flush")
def _load_before_deletion(session: Session, _context: Any, _instances: Any) -> None:
    """What a commit expired cannot be read any more once its row is gone."""
    for row in session.deleted:
        if inspect(row).expired_attributes and _audited(row):
            session.refresh(row)


@event.listens_for(Session, "after_flush")
def _collect(session: Session, _context: Any) -> None:
    for row in session.new:
        _note(session, row, "created")
    for row in session.dirty:
        if session.is_modified(row):
            _note(session, row, "updated")
    for row in session.deleted:
        _note(session, row, "deleted")


@tell_of_inserts
def _note_inserted(session: Session, row: Any) -> None:
    _note(session, row, "created")


def _note(session: Session, row: Any, action: str) -> None:
    if isinstance(row, EventRecord) and action == "created":
        _note_event(session, row)
        return
    if not _audited(row):
        return
    changes = _changes(row, action)
    if changes or action == "deleted":
        clinic_id = row.clinic_id if isinstance(row, TenantModel) else row.id
        note(session, Note(clinic_id, action, row.__tablename__, row.id, changes))


def _audited(row: Any) -> bool:
    if isinstance(row, EventRecord | EventDelivery) or not getattr(row, "__audited__", True):
        return False
    return isinstance(row, TenantModel) or (isinstance(row, Base) and row.__tablename__ == "clinic")


def _note_event(session: Session, record: EventRecord) -> None:
    """An event joins the entry of the row that it is about, where this transaction changed one."""
    entry_id = str(record.audit_entry_id)
    for item in transaction_notes(session):
        if item.event_id is None and item.entity_id == record.subject_id and item.clinic_id == record.clinic_id:
            item.event_id, item.entry_id = record.id, entry_id
            item.action = record.type
            return
    subject = record.clinic_id, record.type, "event", record.subject_id
    note(session, Note(*subject, event_id=record.id, entry_id=entry_id))


def _changes(row: Any, action: str) -> dict[str, Any]:
    """Old and new value of each column that says anything."""
    secret: frozenset[str] = getattr(row, "__secret_columns__", frozenset())
    changes: dict[str, Any] = {}
    model: Any = type(row)
    if action == "created":
        held: dict[str, Any] = inspect(row).dict
        values = ((key, held[key] if key in held else getattr(row, key)) for key in _told_columns(model))
        told = {key: value for key, value in values if value is not None}
        return {key: ["***", "***"] if key in secret else [None, _plain(value)] for key, value in told.items()}
    touched = inspect(row).committed_state if action == "updated" else None
    for key in _told_columns(model):
        if touched is not None and key not in touched:
            continue
        pair = _pair(row, key, action, key in secret)
        if pair is not None:
            changes[key] = ["***", "***"] if key in secret else [_plain(value) for value in pair]
    return changes


def _pair(row: Any, key: str, action: str, is_secret: bool) -> tuple[Any, Any] | None:
    """None where nothing is told."""
    pair: tuple[Any, Any]
    if action == "deleted":
        pair = (True if is_secret else getattr(row, key), None)  # a secret may be unloaded, and its row is gone
    else:
        history = inspect(row).attrs[key].history
        if not history.has_changes():
            return None
        pair = (history.deleted[0] if history.deleted else None, getattr(row, key))
    return None if pair == (None, None) else pair


@cache
def _told_columns(model: Any) -> list[str]:
    attributes: Any = inspect(model).column_attrs
    return [column.key for column in attributes if column.key not in _SILENT_COLUMNS]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, dict | list):
        return value
    return str(value)
