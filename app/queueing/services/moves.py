"""One move of a token: the queue's lock, the step, its line of history, its event, and the push.

Whoever changes a queue first locks all of the doctor's queues of the day, so that two desks take turns, what is pushed
is what is true, and `revision` grows with every push.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from app.core.errors import NotFound
from app.core.principal import find_principal
from app.core.sockets import clinic_room, push
from app.core.tenant import db
from app.events.services import publish
from app.queueing.events import TokenEvent
from app.queueing.models import DoctorQueue, MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.queries.queues import state_of


def lock_queues(doctor_id: str, day: date) -> list[DoctorQueue]:
    """The doctor's queues of a day, locked until the transaction ends."""
    wanted = (
        select(DoctorQueue)
        .where(DoctorQueue.doctor_id == doctor_id, DoctorQueue.queued_on == day)
        .order_by(DoctorQueue.id)
        .with_for_update()
    )
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))


def lock_token(token_id: str) -> QueueToken:
    """The token as it is now, its queue locked. Raises NotFound."""
    queue = db.session.execute(
        select(QueueToken.doctor_id, QueueToken.queued_on).where(QueueToken.id == token_id)
    ).one_or_none()
    if queue is None:
        raise NotFound
    lock_queues(queue.doctor_id, queue.queued_on)
    wanted = select(QueueToken).where(QueueToken.id == token_id)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


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
    """The move's history and event, and the new state of the queue to whoever looks at it."""
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
    queue = db.session.get_one(DoctorQueue, token.queue_id)
    queue.moves += 1
    db.session.flush()
    publish(event.about(token))
    push_queue(queue)


def push_queue(queue: DoctorQueue) -> None:
    """Tell the doctor's room, and the board of the location, how the queue stands."""
    whole = state_of(queue.doctor_id).to_json()
    push("queue", whole, clinic_room(queue.clinic_id, "queue", queue.doctor_id))
    here = state_of(queue.doctor_id, queue.location_id).to_json()
    push("queue", here, clinic_room(queue.clinic_id, "board", queue.location_id))
