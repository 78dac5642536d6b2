"""The queues of today, each doctor's with who is in front and who waits, in one statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select

from app.core import clock
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.queueing.models import IN_FRONT, PRESENT, DoctorQueue, QueueToken, TokenStatus
from app.queueing.queries import wait_tone, waiting_order
from app.tenancy.queries import settings_in_scope

COLUMNS: tuple[Any, ...] = (
    QueueToken.id,
    QueueToken.queue_id,
    QueueToken.doctor_id,
    QueueToken.location_id,
    QueueToken.appointment_id,
    QueueToken.patient_id,
    QueueToken.number,
    QueueToken.status,
    QueueToken.arrived_at,
    QueueToken.called_at,
    QueueToken.handled_by_id,
    QueueToken.calls,
    Doctor.title,
    Doctor.last_name,
    Patient.first_name.label("patient_first_name"),
    Patient.last_name.label("patient_last_name"),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One token on the desk: number, short name, how long they have been here."""

    token_id: str
    visit_id: str | None
    number: str
    name: str
    patient_id: str
    status: str
    arrived_at: datetime
    called_at: datetime | None
    handled_by_id: str | None
    waited: timedelta
    calls: int

    @property
    def tone(self) -> str:
        """The colour of the wait."""
        return wait_tone(self.waited)

    @property
    def called_last(self) -> datetime:
        """When the patient was asked in."""
        return self.called_at or self.arrived_at


@dataclass
class DoctorLine:
    """One doctor's queue."""

    doctor_id: str
    doctor_name: str
    location_id: str
    in_front: list[Waiting] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    aside: list[Waiting] = field(default_factory=list)
    waits: list[timedelta] = field(default_factory=list)

    @property
    def current(self) -> Waiting | None:
        """Whoever was called last."""
        return max(self.in_front, key=lambda token: token.called_last, default=None)

    @property
    def also_in_front(self) -> list[Waiting]:
        """Whom others called or have inside: two desks do not take each other's patients off the screens."""
        return [token for token in self.in_front if token is not self.current]

    @property
    def average(self) -> timedelta | None:
        """How long those waited today who have been called."""
        return sum(self.waits, timedelta()) / len(self.waits) if self.waits else None

    @property
    def average_tone(self) -> str:
        average = self.average
        return "ok" if average is None else wait_tone(average)


def queues_today(*, location_id: str | None = None, doctor_id: str | None = None) -> list[DoctorLine]:
    """Every queue with anybody in it today, by its letter."""
    lines: dict[str, DoctorLine] = {}
    for row in db.session.execute(_tokens(location_id, doctor_id)):
        line = lines.setdefault(
            row.queue_id, DoctorLine(row.doctor_id, f"{row.title} {row.last_name}".strip(), row.location_id)
        )
        _place(line, row)
    return list(lines.values())


def _tokens(location_id: str | None, doctor_id: str | None) -> Select[Any]:
    token = QueueToken
    wanted = (
        select(*COLUMNS)
        .join(DoctorQueue, DoctorQueue.id == token.queue_id)
        .join(Doctor, Doctor.id == token.doctor_id)
        .join(Patient, Patient.id == token.patient_id)
        .where(token.queued_on == clock.today(settings_in_scope().zone))
        .where(token.status.in_((*PRESENT, TokenStatus.SERVED)))
        .order_by(DoctorQueue.letter, *waiting_order())
    )
    if location_id:
        wanted = wanted.where(token.location_id == location_id)
    return wanted.where(token.doctor_id == doctor_id) if doctor_id else wanted


def _place(line: DoctorLine, row: Any) -> None:
    if row.called_at is not None:
        line.waits.append(max(row.called_at - row.arrived_at, timedelta()))
    if row.status == TokenStatus.SERVED:
        return
    others = line.waiting if row.status == TokenStatus.WAITING else line.aside
    (line.in_front if row.status in IN_FRONT else others).append(_waiting(row, clock.now()))


def _waiting(row: Any, now: datetime) -> Waiting:
    initial = f"{row.patient_last_name[:1]}." if row.patient_last_name else ""
    return Waiting(
        token_id=row.id,
        visit_id=row.appointment_id,
        number=row.number,
        name=f"{row.patient_first_name} {initial}".strip(),
        patient_id=row.patient_id,
        status=row.status,
        arrived_at=row.arrived_at,
        called_at=row.called_at,
        handled_by_id=row.handled_by_id,
        waited=max(now - row.arrived_at, timedelta()),
        calls=row.calls,
    )
