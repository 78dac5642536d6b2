"""One move of a token: the queue's lock, the step, its line of history, its event, and the push.

Whoever changes a queue first locks all of the doctor's queues of the day, so that two desks take turns, what is pushed
is what is true, and `revision` grows with every move.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from app.access.models import Member
from app.core import clock
from app.core.errors import NotFound
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.sockets import clinic_room, push
from app.core.tenant import db, require_clinic
from app.events.services import publish
from app.queueing.events import TokenEvent, TokenNext
from app.queueing.models import DoctorQueue, MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.queries.queues import QueueState, states_among, today

# What a move may change of a token, and an undo gives back.
KEPT = ("status", "called_at", "serving_at", "finished_at", "calls", "handled_by_id", "priority")


@dataclass
class Action:
    """One click: the queues that it locked, as they were, and the tokens that it moved."""

    queues: list[DoctorQueue]
    id: str = field(default_factory=new_id)
    moves: dict[str, int] = field(default_factory=dict)
    tokens: list[QueueToken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moves = {queue.id: queue.moves for queue in self.queues}

    def add(self, queue: DoctorQueue) -> None:
        """A queue that the click opened."""
        self.queues.append(queue)
        self.moves[queue.id] = 0

    def find(self, doctor_id: str, location_id: str) -> DoctorQueue | None:
        return next(
            (item for item in self.queues if (item.doctor_id, item.location_id) == (doctor_id, location_id)), None
        )


_action: ContextVar[Action] = ContextVar("queue_action")


@contextmanager
def changing_queues(*doctor_ids: str, day: date | None = None) -> Iterator[Action]:
    """The doctors' queues of a day, locked until the transaction ends; what they have become is pushed at the end."""
    wanted = (
        select(DoctorQueue)
        .where(DoctorQueue.doctor_id.in_(doctor_ids), DoctorQueue.queued_on == (day or today()))
        .order_by(DoctorQueue.id)
        .with_for_update()
    )
    action = Action(list(db.session.scalars(wanted.execution_options(populate_existing=True))))
    outer = _action.set(action)
    try:
        yield action
    finally:
        _action.reset(outer)
    if action.tokens:
        for doctor_id in dict.fromkeys(token.doctor_id for token in action.tokens):
            _tell(doctor_id, action)


@contextmanager
def changing_token(token_id: str) -> Iterator[QueueToken]:
    """The token as it is now, its queue locked. Raises NotFound."""
    queue = db.session.execute(
        select(QueueToken.doctor_id, QueueToken.queued_on).where(QueueToken.id == token_id)
    ).one_or_none()
    if queue is None:
        raise NotFound
    with changing_queues(queue.doctor_id, day=queue.queued_on):
        yield read_again(token_id)


def read_again(token_id: str) -> QueueToken:
    """The token as the lock's holder finds it."""
    wanted = select(QueueToken).where(QueueToken.id == token_id)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def actor_id() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None


def move(
    token: QueueToken, status: TokenStatus, kind: MoveKind, event: type[TokenEvent], *, note: str = "", **values: Any
) -> None:
    """Take a step with a locked token. Raises WrongState."""
    before = state_before(token)
    token.become(status)
    for name, value in values.items():
        setattr(token, name, value)
    write_down(token, kind, event.about(token), before, note=note)


def state_before(token: QueueToken) -> dict[str, Any]:
    """What the token's history keeps of it, as plain values."""
    kept = {name: getattr(token, name) for name in KEPT}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}


def write_down(
    token: QueueToken,
    kind: MoveKind,
    event: TokenEvent,
    before: dict[str, Any] | None = None,
    *,
    note: str = "",
    undoes_id: str | None = None,
) -> None:
    """The move's history and event."""
    action = _action.get()
    db.session.add(
        QueueMove(
            token_id=token.id,
            kind=kind,
            from_status=before["status"] if before else None,
            to_status=token.status,
            user_id=actor_id(),
            note=note,
            action_id=action.id,
            before=before,
            undoes_id=undoes_id,
        )
    )
    next(queue for queue in action.queues if queue.id == token.queue_id).moves += 1
    action.tokens.append(token)
    db.session.flush()
    publish(event)


def _tell(doctor_id: str, action: Action) -> None:
    """How the doctor's queue stands now: to the doctor's room, to the boards, and to each patient's own phone."""
    queues = [queue for queue in action.queues if queue.doctor_id == doctor_id]
    if queues[0].queued_on != today():
        return  # an old queue is corrected: nobody looks at it any more
    whole, *parts = states_among(queues, doctor_id, None, *(queue.location_id for queue in queues))
    for part in parts:
        _tell_next(part)
    clinic_id = require_clinic()
    before = {queue.location_id: action.moves[queue.id] for queue in queues}
    room = clinic_room(clinic_id, "queue", doctor_id)
    push("queue", {**whole.to_json(), "previous": sum(before.values())}, room)
    for part in parts:
        location_id = str(part.location_id)
        room = clinic_room(clinic_id, "board", location_id)
        push("queue", {**part.to_json(), "previous": before[location_id]}, room)
    _tell_patients(clinic_id, parts, action.tokens)


def tell_again(doctor_id: str) -> None:
    """Push how the queue stands to all who look on, though nobody was moved: waits grow shorter by themselves.

    The revision stays, so that a change that comes meanwhile wins.
    """
    wanted = select(DoctorQueue).where(DoctorQueue.doctor_id == doctor_id, DoctorQueue.queued_on == today())
    queues = list(db.session.scalars(wanted))
    whole, *parts = states_among(queues, doctor_id, None, *(queue.location_id for queue in queues))
    clinic_id = require_clinic()
    push("queue", whole.to_json(), clinic_room(clinic_id, "queue", doctor_id))
    for part in parts:
        push("queue", part.to_json(), clinic_room(clinic_id, "board", str(part.location_id)))
    _tell_patients(clinic_id, parts, [])


def _tell_next(state: QueueState) -> None:
    """Who stands at the head of those who wait hears of it once."""
    head = next((row for row in state.rows if state.positions.get(row.id) == 1), None)
    if head is None or head.next_at is not None:
        return
    token = db.session.get_one(QueueToken, head.id)
    token.next_at = clock.now()
    publish(TokenNext.about(token))


def _tell_patients(clinic_id: str, parts: list[QueueState], moved: list[QueueToken]) -> None:
    """Place and time to the phones of those who have the app; a token that is through is told a last time."""
    tellings = {row.id: (row.patient_id, part.of_patient(row)) for part in parts for row in part.rows}
    for token in moved:
        state = next((part for part in parts if part.location_id == token.location_id), None)
        if state is not None and token.id not in tellings:
            tellings[token.id] = (token.patient_id, state.of_patient(token))
    ids = {patient_id for patient_id, _ in tellings.values()}
    with_app = set(db.session.scalars(select(Member.patient_id).where(Member.patient_id.in_(ids)).distinct()))
    for patient_id, told in tellings.values():
        if patient_id in with_app:
            push("token", told, patient_room(clinic_id, patient_id))


def patient_room(clinic_id: str, patient_id: str) -> str:
    """Where a patient's phone hears of the patient's own tokens."""
    return clinic_room(clinic_id, "tokens-of", patient_id)
