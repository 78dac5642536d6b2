"""A doctor's queue of today as desks, doctors, boards and patients see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app.core import clock
from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.queueing.models import IN_FRONT, PRESENT, DoctorQueue, MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.queries.order import waiting_order
from app.queueing.queries.pace import minutes_left, pace_of
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope

MOST_MISSED = 200

TOKEN_COLUMNS = (
    QueueToken.id,
    QueueToken.number,
    QueueToken.status,
    QueueToken.priority,
    QueueToken.arrived_at,
    QueueToken.called_at,
    QueueToken.calls,
    QueueToken.doctor_id,
    QueueToken.location_id,
    QueueToken.appointment_id,
    QueueToken.patient_id,
    QueueToken.next_at,
)


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue at one moment: rows in order, places of those who wait, and which push is the newer one."""

    doctor_id: str
    location_id: str | None
    rows: tuple[Any, ...]
    positions: dict[str, int]
    current: str | None
    calls: int  # of the current token: a recall makes it grow
    revision: int
    day: date
    pace: float  # minutes
    left: float  # minutes that the patient in front will still take

    def to_json(self) -> dict[str, Any]:
        """What everybody may see: numbers, no names (SPEC QUE-3). A state of a later day, or revision, is newer."""
        return {
            "doctorId": self.doctor_id,
            "locationId": self.location_id,
            "tokens": [self._token(row) for row in self.rows],
            "current": self.current,
            "calls": self.calls,
            "day": self.day.isoformat(),
            "revision": self.revision,
            "previous": None,  # a push of a change names the revision that it follows
            "stream": f"{self.doctor_id}:{self.location_id or '*'}:{self.day}",
        }

    def _token(self, row: Any) -> dict[str, Any]:
        return {
            "number": row.number,
            "status": row.status,
            "position": self.positions.get(row.id),
            "waitMinutes": self.wait_of(row.id),
        }

    def wait_of(self, token_id: str) -> int | None:
        """Minutes until a waiting token is called, at the doctor's own pace."""
        place = self.positions.get(token_id)
        return round(self.left + (place - 1) * self.pace) if place else None

    def of_patient(self, row: Any) -> dict[str, Any]:
        """What the patient of a row is told."""
        return {
            "id": row.id,
            "doctorId": row.doctor_id,
            "locationId": row.location_id,
            "appointmentId": row.appointment_id,
            **self._token(row),
            "current": self.current,
            "day": self.day.isoformat(),
            "revision": self.revision,
        }


def today() -> date:
    return clock.today(settings_in_scope().zone)


def queue_state(doctor_id: str, location_id: str | None = None) -> QueueState:
    """Today's queue of a doctor, at one location or all. Raises NotFound."""
    if db.session.scalar(select(Doctor.id).where(Doctor.id == doctor_id)) is None:
        raise NotFound
    return state_of(doctor_id, location_id)


def state_of(doctor_id: str, location_id: str | None = None) -> QueueState:
    """As queue_state, for a doctor who is known to exist."""
    return states_of(doctor_id, location_id)[0]


def states_of(doctor_id: str, *location_ids: str | None) -> list[QueueState]:
    """The queue at each of the locations (None: all of them), read once."""
    wanted = select(DoctorQueue).where(DoctorQueue.doctor_id == doctor_id, DoctorQueue.queued_on == today())
    queues = db.session.scalars(wanted.execution_options(populate_existing=True)).all()
    return states_among(queues, doctor_id, *location_ids)


def states_among(queues: Sequence[DoctorQueue], doctor_id: str, *location_ids: str | None) -> list[QueueState]:
    """As states_of, for queues that were read already: one statement however many look on."""
    rows = db.session.execute(_tokens(doctor_id)).all()
    pace = pace_of(queues)
    return [_state(doctor_id, location_id, rows, queues, pace) for location_id in location_ids]


def _tokens(doctor_id: str) -> Any:
    return (
        select(*TOKEN_COLUMNS)
        .where(QueueToken.doctor_id == doctor_id, QueueToken.queued_on == today(), QueueToken.status.in_(PRESENT))
        .order_by(*waiting_order())
    )


def _state(
    doctor_id: str, location_id: str | None, rows: Sequence[Any], queues: Sequence[DoctorQueue], pace: float
) -> QueueState:
    here = tuple(row for row in rows if location_id in (None, row.location_id))
    waiting = [row for row in here if row.status == TokenStatus.WAITING]
    in_front = [row for row in here if row.status in IN_FRONT]
    latest = max(in_front, key=lambda row: row.called_at or row.arrived_at, default=None)
    return QueueState(
        doctor_id=doctor_id,
        location_id=location_id,
        rows=here,
        positions={row.id: 0 for row in in_front} | {row.id: place for place, row in enumerate(waiting, 1)},
        current=latest.number if latest else None,
        calls=latest.calls if latest else 0,
        revision=sum(queue.moves for queue in queues if location_id in (None, queue.location_id)),
        day=today(),
        pace=pace,
        left=minutes_left(pace, latest.called_at if latest else None),
    )


def missed_moves(doctor_id: str, count: int) -> list[dict[str, Any]]:
    """The last moves in the doctor's queues of today, oldest first, numbers only: what a screen missed while away."""
    wanted = (
        select(QueueToken.number, QueueMove.kind, QueueMove.to_status, QueueMove.created_at)
        .join(QueueToken, QueueToken.id == QueueMove.token_id)
        .where(QueueToken.doctor_id == doctor_id, QueueToken.queued_on == today())
        .order_by(QueueMove.id.desc())
        .limit(min(max(count, 0), MOST_MISSED))
    )
    moves = [
        {"number": row.number, "move": row.kind, "status": row.to_status, "at": row.created_at.isoformat()}
        for row in db.session.execute(wanted)
    ]
    return moves[::-1]


def undoable_moves(queue_ids: Sequence[str]) -> dict[str, Any]:
    """The last move of each queue that can be taken back, by queue: `token_id`, `number`, `kind`."""
    undoing = aliased(QueueMove)
    taken_back = select(undoing.id).where(undoing.undoes_id == QueueMove.id)
    wanted = (
        select(QueueToken.queue_id, QueueMove.token_id, QueueToken.number, QueueMove.kind)
        .join(QueueToken, QueueToken.id == QueueMove.token_id)
        .where(QueueToken.queue_id.in_(queue_ids), QueueToken.status != TokenStatus.TRANSFERRED)
        .where(QueueMove.kind != MoveKind.UNDONE, QueueMove.before.is_not(None), ~taken_back.exists())
        .ext(distinct_on(QueueToken.queue_id))
        .order_by(QueueToken.queue_id, QueueMove.id.desc())
    )
    return {row.queue_id: row for row in db.session.execute(wanted)}


def patient_names(state: QueueState) -> dict[str, str]:
    """Names by patient, for those who may see them."""
    ids = {row.patient_id for row in state.rows}
    wanted = select(Patient.id, Patient.first_name, Patient.last_name).where(Patient.id.in_(ids))
    return {row.id: f"{row.first_name} {row.last_name}".strip() for row in db.session.execute(wanted)}


def get_token(token_id: str) -> QueueToken:
    """Raises NotFound, also for somebody else's token when a PATIENT asks."""
    wanted = select(QueueToken).where(QueueToken.id == token_id)
    own = own_patient_id()
    token = db.session.scalar(wanted if own is None else wanted.where(QueueToken.patient_id == own))
    if token is None:
        raise NotFound
    return token


def find_token_of(appointment_id: str) -> QueueToken | None:
    """The token that a visit's patient has now: not those of queues that they were sent on from."""
    return db.session.scalar(
        select(QueueToken).where(
            QueueToken.appointment_id == appointment_id, QueueToken.status != TokenStatus.TRANSFERRED
        )
    )


def position_of(token: QueueToken) -> int | None:
    """The place in the token's own queue: 0 when called, 1 when next, None when not waiting."""
    return state_of(token.doctor_id, token.location_id).positions.get(token.id)


def my_tokens() -> list[tuple[QueueToken, QueueState, str]]:
    """Today's tokens of the patient who asks, with their queues and the doctors' names; nothing for staff."""
    own = own_patient_id()
    if own is None:
        return []
    wanted = (
        select(QueueToken)
        .where(QueueToken.patient_id == own, QueueToken.queued_on == today(), QueueToken.status.in_(PRESENT))
        .order_by(QueueToken.arrived_at)
    )
    return [
        (token, state_of(token.doctor_id, token.location_id), token.doctor.name) for token in db.session.scalars(wanted)
    ]


def board_state(location_id: str) -> dict[str, Any]:
    """What the waiting room of a location shows: every queue of today, with the doctor's and the room's name."""
    location = db.session.scalar(select(Location).where(Location.id == location_id))
    if location is None:
        raise NotFound
    queues = db.session.execute(
        select(DoctorQueue.doctor_id, Doctor.title, Doctor.first_name, Doctor.last_name, Room.name, Room.location_id)
        .join(Doctor, Doctor.id == DoctorQueue.doctor_id)
        .outerjoin(Room, Room.id == Doctor.default_room_id)
        .where(DoctorQueue.location_id == location_id, DoctorQueue.queued_on == today())
        .order_by(DoctorQueue.letter)
    )
    return {
        "locationId": location_id,
        "location": location.name,
        "queues": [_on_board(row, location_id) for row in queues],
    }


def _on_board(row: Any, location_id: str) -> dict[str, Any]:
    return {
        "doctor": f"{row.title} {row.last_name or row.first_name}".strip(),
        "room": row.name if row.location_id == location_id else None,
        **state_of(row.doctor_id, location_id).to_json(),
    }
