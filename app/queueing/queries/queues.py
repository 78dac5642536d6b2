"""A doctor's queue of today as desks, doctors, boards and patients see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.core import clock
from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.queueing.models import IN_FRONT, PRESENT, DoctorQueue, QueueToken, TokenStatus
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope

# What one patient takes, in minutes, as far as an estimate believes it.
SHORTEST, LONGEST = 2.0, 60.0

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
        }

    def _token(self, row: Any) -> dict[str, Any]:
        return {
            "number": row.number,
            "status": row.status,
            "position": self.positions.get(row.id),
            "waitMinutes": self.wait_of(row.id),
        }

    def wait_of(self, token_id: str) -> int | None:
        """Minutes until a waiting token is called, at the doctor's pace of today."""
        place = self.positions.get(token_id)
        if not place:
            return None
        before = place if self.current else place - 1
        return round(before * self.pace)


def today() -> date:
    return clock.today(settings_in_scope().zone)


def waiting_order() -> tuple[InstrumentedAttribute[Any], ...]:
    """Who is called first: by class of need, then by arrival. The one place that knows."""
    return QueueToken.priority, QueueToken.arrived_at, QueueToken.sequence


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
    rows = db.session.execute(_tokens(doctor_id)).all()
    moves = select(DoctorQueue.location_id, DoctorQueue.moves).where(
        DoctorQueue.doctor_id == doctor_id, DoctorQueue.queued_on == today()
    )
    counted = {row.location_id: row.moves for row in db.session.execute(moves)}
    pace = _pace_of(doctor_id)
    return [_state(doctor_id, location_id, rows, counted, pace) for location_id in location_ids]


def _pace_of(doctor_id: str) -> float:
    """Minutes that the doctor takes for a patient today; the usual slot until somebody was served."""
    taken = func.extract("epoch", QueueToken.finished_at - QueueToken.called_at) / 60
    average = db.session.scalar(
        select(func.avg(taken)).where(
            QueueToken.doctor_id == doctor_id,
            QueueToken.queued_on == today(),
            QueueToken.status == TokenStatus.SERVED,
            QueueToken.called_at.is_not(None),
        )
    )
    usual = settings_in_scope().slot_minutes
    return usual if average is None else min(max(float(average), SHORTEST), LONGEST)


def _tokens(doctor_id: str) -> Any:
    return (
        select(*TOKEN_COLUMNS)
        .where(QueueToken.doctor_id == doctor_id, QueueToken.queued_on == today(), QueueToken.status.in_(PRESENT))
        .order_by(*waiting_order())
    )


def _state(
    doctor_id: str, location_id: str | None, rows: Sequence[Any], moves: dict[str, int], pace: float
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
        revision=sum(count for place, count in moves.items() if location_id in (None, place)),
        day=today(),
        pace=pace,
    )


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
    return db.session.scalar(select(QueueToken).where(QueueToken.appointment_id == appointment_id))


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
