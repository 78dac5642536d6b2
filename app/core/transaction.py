"""One unit of work, one commit. Only the edges (request, job, socket event, command) open one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from app.core.tenant import db

log = logging.getLogger(__name__)

_CALLBACKS = "after_commit_callbacks"
_BEFORE = "before_commit_callbacks"
_NOTES = "transaction_notes"
_MARKS = "savepoint_marks"


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Commit what the block did, or roll all of it back. Callbacks run only after a commit."""
    session = db.session()
    try:
        yield session
        if session.in_transaction() or session.info.get(_CALLBACKS) or session.info.get(_BEFORE):
            session.commit()
    except BaseException:
        session.rollback()
        raise


@contextmanager
def reading() -> Iterator[None]:
    """For a block that only reads, most times from a cache: if it had to ask the database, end that transaction."""
    try:
        yield
    finally:
        if in_transaction():
            db.session().rollback()


def in_transaction() -> bool:
    """Whether the scope's session has begun one; a session is not made to find out."""
    return bool(db.session.registry.has()) and db.session().in_transaction()


def after_commit(callback: Callable[[], Any]) -> None:
    """Run `callback` once the present transaction is durable; never on rollback. It must not use the session."""
    db.session().info.setdefault(_CALLBACKS, []).append(callback)


def before_commit(key: str, callback: Callable[[Session], Any], session: Session | None = None) -> None:
    """Run `callback` last in the transaction, once per key: for locks that must be held shortly (hash chain)."""
    (session or db.session()).info.setdefault(_BEFORE, {}).setdefault(key, callback)


def transaction_notes(session: Session) -> list[Any]:
    """A list that lives and dies with the transaction; what a savepoint added goes when it is rolled back."""
    notes: list[Any] = session.info.setdefault(_NOTES, [])
    return notes


@event.listens_for(Session, "before_commit")
def _run_before(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    for callback in session.info.pop(_BEFORE, {}).values():
        callback(session)


@event.listens_for(Session, "after_commit")
def _run_after(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop(_NOTES, None)
    for callback in session.info.pop(_CALLBACKS, []):
        try:
            callback()
        except Exception:
            # The change is durable; a sweeper does what a lost wake-up would have done.
            log.exception("a callback after commit failed")


@event.listens_for(Session, "after_transaction_create")
def _mark_savepoint(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        lengths = len(session.info.get(_CALLBACKS, ())), len(session.info.get(_NOTES, ()))
        session.info.setdefault(_MARKS, {})[transaction] = lengths


@event.listens_for(Session, "after_transaction_end")
def _unmark_savepoint(session: Session, transaction: SessionTransaction) -> None:
    session.info.get(_MARKS, {}).pop(transaction, None)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous_transaction: SessionTransaction) -> None:
    if previous_transaction.nested:
        callbacks, notes = session.info.get(_MARKS, {}).get(previous_transaction, (0, 0))
        del session.info.get(_CALLBACKS, [])[callbacks:]
        del session.info.get(_NOTES, [])[notes:]
        return
    for name in (_CALLBACKS, _BEFORE, _NOTES):
        session.info.pop(name, None)
