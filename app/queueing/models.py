"""The queues of a day, their tokens, and every move of a token."""

from __future__ import annotations

from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Date, Index, Integer, SmallInteger, String, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful
from app.people.models import Doctor, Patient
from app.scheduling.models import Appointment
from app.tenancy.models import Location


class TokenStatus(StrEnum):
    WAITING = "WAITING"
    CALLED = "CALLED"
    SERVING = "SERVING"
    HELD = "HELD"
    SKIPPED = "SKIPPED"
    TRANSFERRED = "TRANSFERRED"
    SERVED = "SERVED"
    LEFT = "LEFT"


class PriorityClass(IntEnum):
    """Lower is called earlier (SPEC QUE-1)."""

    EMERGENCY = 0
    ELDERLY = 1
    DISABLED = 2
    BOOKED = 3
    WALK_IN = 4


class MoveKind(StrEnum):
    ISSUED = "ISSUED"
    CALLED = "CALLED"
    RECALLED = "RECALLED"
    SKIPPED = "SKIPPED"
    HELD = "HELD"
    RETURNED = "RETURNED"
    SERVING = "SERVING"
    SERVED = "SERVED"
    LEFT = "LEFT"
    TRANSFERRED = "TRANSFERRED"
    RECLASSED = "RECLASSED"
    UNDONE = "UNDONE"


_T = TokenStatus

# At the doctor's door or inside; a queue shows the latest of them as its current token.
IN_FRONT = (_T.CALLED, _T.SERVING)
# Still in the house: what boards and desks show.
PRESENT = (_T.WAITING, _T.CALLED, _T.SERVING, _T.HELD, _T.SKIPPED)
# Through with this queue, whatever came before.
_OUT = (_T.SERVED, _T.LEFT, _T.TRANSFERRED)


class DoctorQueue(TenantModel):
    """One doctor's queue at one location on one day. Its row is the queue's lock; `moves` tells old pushes from new.

    It also knows the doctor's pace: what patients took on earlier days, and how many took how long today.
    """

    __tablename__ = "doctor_queue"
    __table_args__ = (
        UniqueConstraint("clinic_id", "doctor_id", "location_id", "queued_on", name="uq_doctor_queue_day"),
        UniqueConstraint("clinic_id", "location_id", "queued_on", "letter", name="uq_doctor_queue_letter"),
    )
    __audited__ = False

    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    queued_on: Mapped[date] = mapped_column(Date, nullable=False)
    letter: Mapped[str] = mapped_column(String(3), nullable=False)
    last_number: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    moves: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    usual_seconds: Mapped[int | None] = mapped_column(Integer)
    served: Mapped[int] = mapped_column(Integer, nullable=False, default=0, server_default="0")
    served_seconds: Mapped[int] = mapped_column(Integer, nullable=False, default=0, server_default="0")

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "DoctorQueue.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "DoctorQueue.location_id")

    def __str__(self) -> str:
        return f"{self.letter} {self.queued_on}"


class QueueToken(Stateful, TenantModel):
    """A patient's place in a queue, known to the waiting room by its number only."""

    __tablename__ = "queue_token"
    __table_args__ = (
        one_of("status", TokenStatus, "ck_queue_token_status"),
        CheckConstraint("priority between 0 and 4", name="ck_queue_token_priority"),
        UniqueConstraint("clinic_id", "queue_id", "sequence", name="uq_queue_token_sequence"),
        Index(
            "uq_queue_token_visit",
            "clinic_id",
            "appointment_id",
            unique=True,
            postgresql_where=text("status <> 'TRANSFERRED'"),
        ),
        Index("ix_queue_token_doctor_day", "clinic_id", "doctor_id", "queued_on", "status"),
        Index("ix_queue_token_location_day", "clinic_id", "location_id", "queued_on", "status"),
        Index("ix_queue_token_patient_day", "clinic_id", "patient_id", "queued_on"),
    )

    TRANSITIONS: ClassVar = {
        _T.WAITING: frozenset({_T.CALLED, _T.SERVING, _T.HELD, _T.SKIPPED, *_OUT}),
        _T.CALLED: frozenset({_T.CALLED, _T.SERVING, _T.WAITING, _T.HELD, _T.SKIPPED, *_OUT}),
        _T.SERVING: frozenset({_T.SERVED, _T.HELD, _T.WAITING}),
        _T.HELD: frozenset({_T.WAITING, _T.CALLED, _T.SERVING, *_OUT}),
        _T.SKIPPED: frozenset({_T.WAITING, _T.CALLED, _T.SERVING, *_OUT}),
    }

    queue_id: Mapped[str] = tenant_reference("doctor_queue")
    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")
    appointment_id: Mapped[str | None] = tenant_reference("appointment", nullable=True)
    patient_id: Mapped[str] = tenant_reference("patient")
    queued_on: Mapped[date] = mapped_column(Date, nullable=False)
    sequence: Mapped[int] = mapped_column(Integer, nullable=False)
    number: Mapped[str] = mapped_column(String(12), nullable=False)
    priority: Mapped[int] = mapped_column(SmallInteger, nullable=False, default=PriorityClass.BOOKED)
    status: Mapped[str] = mapped_column(String(12), nullable=False, default=TokenStatus.WAITING)
    arrived_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    called_at: Mapped[datetime | None] = mapped_column(AwareTime)
    serving_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    calls: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    handled_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    # When they first stood at the head of those who wait: they hear of it once.
    next_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # The token in the queue that they came from.
    came_from_id: Mapped[str | None] = tenant_reference("queue_token", nullable=True)

    queue: Mapped[DoctorQueue] = tenant_relationship("DoctorQueue", "QueueToken.queue_id")
    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "QueueToken.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "QueueToken.location_id")
    appointment: Mapped[Appointment | None] = tenant_relationship("Appointment", "QueueToken.appointment_id")
    patient: Mapped[Patient] = tenant_relationship("Patient", "QueueToken.patient_id")

    def __str__(self) -> str:
        return self.number


class QueueMove(TenantModel):
    """One move of a token: the queue's own trail, so the audit trail does not repeat it."""

    __tablename__ = "queue_move"
    __table_args__ = (
        one_of("kind", MoveKind, "ck_queue_move_kind"),
        Index("ix_queue_move_token", "clinic_id", "token_id", "created_at"),
    )
    __audited__ = False

    token_id: Mapped[str] = tenant_reference("queue_token")
    kind: Mapped[str] = mapped_column(String(12), nullable=False)
    from_status: Mapped[str | None] = mapped_column(String(12))
    to_status: Mapped[str] = mapped_column(String(12), nullable=False)
    user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    note: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    # Moves of one click belong together and are undone together.
    action_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    # What the move changed of the token, as it was before.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # The move that this one takes back.
    undoes_id: Mapped[str | None] = tenant_reference("queue_move", nullable=True)

    token: Mapped[QueueToken] = tenant_relationship("QueueToken", "QueueMove.token_id")

    def __str__(self) -> str:
        return self.kind


class LinkedScreen:
    """A screen of a location that nobody logs in at. Its link is its right, until it is revoked."""

    __secret_columns__ = ("token_hash",)
    PAGE: ClassVar[str]  # the link's address, up to the token

    name: Mapped[str] = mapped_column(String(80), nullable=False)
    token_hash: Mapped[str | None] = mapped_column(String(64))
    last_used_at: Mapped[datetime | None] = mapped_column(AwareTime)

    @property
    def open(self) -> bool:
        """Whether it has a link that works."""
        return self.token_hash is not None

    def __str__(self) -> str:
        return self.name


class Kiosk(LinkedScreen, TenantModel):
    """A screen at the door where patients check themselves in."""

    __tablename__ = "kiosk"
    __table_args__ = (UniqueConstraint("token_hash", name="uq_kiosk_token_hash"),)
    PAGE = "/kiosk"

    location_id: Mapped[str] = tenant_reference("location")

    location: Mapped[Location] = tenant_relationship("Location", "Kiosk.location_id")


class WaitingBoard(LinkedScreen, TenantModel):
    """A screen on the wall of a waiting room: it shows numbers, hears of every call, and can do nothing."""

    __tablename__ = "waiting_board"
    __table_args__ = (UniqueConstraint("token_hash", name="uq_waiting_board_token_hash"),)
    PAGE = "/waiting-room"

    location_id: Mapped[str] = tenant_reference("location")

    location: Mapped[Location] = tenant_relationship("Location", "WaitingBoard.location_id")
