"""Idempotency-Key: the same key and body give the first answer again, the same key with another body is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, request
from flask_babel import gettext as _
from sqlalchemy import Integer, LargeBinary, String, UniqueConstraint, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.errors import AppError, BadRequest, Conflict
from app.core.ids import new_id
from app.core.models import TenantModel
from app.core.principal import current_principal
from app.core.tenant import db
from app.core.transaction import unit_of_work

if TYPE_CHECKING:
    from app.core.api import Endpoint

KEY_LIMIT = 200
ABANDONED_AFTER = timedelta(seconds=60)
TAKEN_UP = "clinic.idempotency_record"


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class StillRunning(Conflict):
    """The first request with this key has not finished."""

    code = "IDEMPOTENCY_KEY_IN_USE"


class IdempotencyRecord(TenantModel):
    """One used key and, once known, the answer that it gave."""

    __tablename__ = "idempotency_record"
    __table_args__ = (UniqueConstraint("clinic_id", "user_id", "key", name="uq_idempotency_record_key"),)

    user_id: Mapped[str] = mapped_column(String(36), nullable=False)
    key: Mapped[str] = mapped_column(String(KEY_LIMIT), nullable=False)
    fingerprint: Mapped[str] = mapped_column(String(64), nullable=False)
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)


def once(about: Endpoint, handler: Callable[[], Any]) -> Response:
    """Run the handler once per key. Without the header it simply runs."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return _run(about, handler)
    if not 1 <= len(key) <= KEY_LIMIT or "\x00" in key:
        raise BadRequest(_("Idempotency-Key must have 1 to %(limit)s characters.", limit=KEY_LIMIT))
    return _run_in_steps(about, handler, key) if about.steps else _run_at_once(about, handler, key)


def _run(about: Endpoint, handler: Callable[[], Any]) -> Response:
    from app.core.api import reply

    if about.steps:
        return reply(handler(), about.status)
    with unit_of_work():
        answer = handler()
    return reply(answer, about.status)


def _run_at_once(about: Endpoint, handler: Callable[[], Any], key: str) -> Response:
    """Key and effect commit together; a second request with the key waits for the first one's commit."""
    from app.core.api import reply

    with unit_of_work():
        record, fresh = _claim(key)
        if not fresh:
            return _replay(record)
        response = reply(handler(), about.status)
        record.status, record.answer = response.status_code, response.get_data()
    return response


def _run_in_steps(about: Endpoint, handler: Callable[[], Any], key: str) -> Response:
    """The handler commits between provider calls: the key is committed first, the answer last."""
    from app.core.api import reply

    with unit_of_work():
        record, fresh = _claim(key)
        if not fresh:
            if record.status is not None or not _abandoned(record):
                return _replay(record)
            record.updated_at = clock.now()
        request.environ[TAKEN_UP] = record_id = record.id
    try:
        response = reply(handler(), about.status)
    except BaseException as error:
        _let_go(record_id, error)
        raise
    with unit_of_work():
        kept = db.session.get_one(IdempotencyRecord, record_id)
        kept.status, kept.answer = response.status_code, response.get_data()
    return response


def repeatable_id() -> str:
    """An id for what a request in steps makes: the same one when a run that died half-way is taken up again."""
    return str(request.environ.get(TAKEN_UP) or new_id())


def _let_go(record_id: str, error: BaseException) -> None:
    """A refusal frees the key. After another failure part of it may be done: only the same request may take it up."""
    mine = IdempotencyRecord.id == record_id
    with unit_of_work():
        if isinstance(error, AppError) and error.status < 500:
            db.session.execute(delete(IdempotencyRecord).where(mine))
        else:
            long_ago = clock.now() - 2 * ABANDONED_AFTER
            db.session.execute(update(IdempotencyRecord).where(mine).values(updated_at=long_ago))


def _claim(key: str) -> tuple[IdempotencyRecord, bool]:
    user_id = current_principal().user_id
    fingerprint = _fingerprint()
    fresh = db.session.execute(
        insert(IdempotencyRecord)
        .values(user_id=user_id, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing(index_elements=["clinic_id", "user_id", "key"])
        .returning(IdempotencyRecord.id)
    ).scalar()
    record = db.session.scalars(
        select(IdempotencyRecord)
        .where(IdempotencyRecord.user_id == user_id, IdempotencyRecord.key == key)
        .with_for_update()
    ).one()
    if record.fingerprint != fingerprint:
        raise KeyReused(_("This Idempotency-Key was used for another request."))
    return record, fresh is not None


def _fingerprint() -> str:
    parts = (request.method.encode(), request.full_path.encode(), request.get_data(cache=True))
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _abandoned(record: IdempotencyRecord) -> bool:
    return clock.now() - record.updated_at > ABANDONED_AFTER


def _replay(record: IdempotencyRecord) -> Response:
    if record.status is None:
        raise StillRunning(_("The first request with this key is still running."))
    response = Response(record.answer or b"", status=record.status, mimetype="application/json")
    response.headers["Idempotency-Replayed"] = "true"
    return response
