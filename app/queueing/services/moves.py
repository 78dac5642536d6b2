"""One move of a token: the queue's lock, the step, its line of history, its event, and the push.

Whoever changes a queue first locks all of the doctor's queues of the day, so that two desks take turns, what is pushed
is what is true, and `revision` grows with every move.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import select, update

from app.core.errors import NotFound
from app.core.principal import find_principal
from app.core.sockets import clinic_room, push
from app.core.tenant import db, require_clinic
from app.events.services import publish
from app.queueing.events import TokenEvent
from app.queueing.models import DoctorQueue, MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.queries.queues import states_of, today


@contextmanager
def changing_queue(doctor_id: str, day: date | None = None) -> Iterator[list[DoctorQueue]]:
    """The doctor's queues of a day, locked until the transaction ends; what they have become is pushed at the end."""
    wanted = (
        select(DoctorQueue)
        .where(DoctorQueue.doctor_id == doctor_id, DoctorQueue.queued_on == (day or today()))
        .order_by(DoctorQueue.id)
        .with_for_update()
    )
    queues = list(db.session.scalars(wanted.execution_options(populate_existing=True)))
    yield queues
    _push_queues(doctor_id, [queue.location_id for queue in queues])


@contextmanager
def changing_token(token_id: str) -> Iterator[QueueToken]:
    """The token as it is now, its queue locked. Raises NotFound."""
    queue = db.session.execute(
        select(QueueToken.doctor_id, QueueToken.queued_on).where(QueueToken.id == token_id)
    ).one_or_none()
    if queue is None:
        raise NotFound
    with changing_queue(queue.doctor_id, queue.queued_on):
        wanted = select(QueueToken).where(QueueToken.id == token_id)
        yield db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def actor_id() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None


def move(
    token: QueueToken, status: TokenStatus, kind: MoveKind, event: type[TokenEvent], *, note: str = "", **values: Any
) -> None:
    """Take a step with a locked token. Raises WrongState."""
    before = token.status
    token.become(status)
    for name, value in values.items():
        setattr(token, name, value)
    write_down(token, kind, event, before, note)


def write_down(
    token: QueueToken, kind: MoveKind, event: type[TokenEvent], before: str | None = None, note: str = ""
) -> None:
    """The move's history and event."""
    db.session.add(
        QueueMove(
            token_id=token.id,
            kind=kind,
            from_status=before,
            to_status=token.status,
            user_id=actor_id(),
            note=note,
        )
    )
    db.session.execute(
        update(DoctorQueue)
        .where(DoctorQueue.id == token.queue_id)
        .values(moves=DoctorQueue.moves + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()
    publish(event.about(token))


def _push_queues(doctor_id: str, location_ids: list[str]) -> None:
    """Tell the doctor's room, and the boards of the locations, how the queue stands."""
    clinic_id = require_clinic()
    whole, *parts = states_of(doctor_id, None, *location_ids)
    push("queue", whole.to_json(), clinic_room(clinic_id, "queue", doctor_id))
    for part in parts:
        push("queue", part.to_json(), clinic_room(clinic_id, "board", str(part.location_id)))
