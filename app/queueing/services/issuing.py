"""Giving out tokens: a letter per doctor and day, then numbers from 1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from string import ascii_uppercase

from flask_babel import gettext as _
from sqlalchemy import select, text

from app.core import clock
from app.core.errors import Invalid
from app.core.tenant import db, require_clinic
from app.people.queries import get_doctor, get_patient
from app.queueing.events import TokenIssued
from app.queueing.models import DoctorQueue, MoveKind, PriorityClass, QueueToken
from app.queueing.queries.pace import habit_of
from app.queueing.queries.queues import find_token_of, today
from app.queueing.services.moves import Action, changing_queues, write_down
from app.scheduling.models import Appointment
from app.scheduling.services import check_patient
from app.tenancy.models import Location


def issue_token(appointment: Appointment, priority: PriorityClass = PriorityClass.BOOKED) -> QueueToken:
    """The visit's token; a second call answers the same one. The visit must be locked."""
    known = find_token_of(appointment.id)
    if known is not None:
        return known
    return _issue(appointment.doctor_id, appointment.location_id, appointment.patient_id, priority, appointment.id)


def issue_walk_in(
    doctor_id: str, location_id: str, patient_id: str, priority: PriorityClass = PriorityClass.WALK_IN
) -> QueueToken:
    """A token for a patient without a visit. Raises NotFound, Invalid."""
    check_place(doctor_id, location_id)
    check_patient(get_patient(patient_id).id)
    return _issue(doctor_id, location_id, patient_id, priority, None)


def check_place(doctor_id: str, location_id: str) -> None:
    """Whether patients may wait for the doctor there. Raises NotFound, Invalid."""
    if not get_doctor(doctor_id).active:
        raise Invalid(fields={"doctorId": _("This doctor does not see patients.")})
    if db.session.scalar(select(Location.id).where(Location.id == location_id, Location.active.is_(True))) is None:
        raise Invalid(fields={"locationId": _("Unknown location.")})


def _issue(
    doctor_id: str, location_id: str, patient_id: str, priority: PriorityClass, appointment_id: str | None
) -> QueueToken:
    keep_letters_apart(doctor_id, location_id)
    with changing_queues(doctor_id) as action:
        queue = queue_in(action, doctor_id, location_id)
        token = next_token(queue, patient_id, priority, appointment_id)
        write_down(token, MoveKind.ISSUED, TokenIssued.about(token))
    return token


def keep_letters_apart(doctor_id: str, location_id: str) -> None:
    """Two first tokens must not take one letter, nor open one queue twice. Taken before the queues' own locks."""
    if not _is_open(doctor_id, location_id):
        key = f"queue {require_clinic()} {location_id}"
        db.session.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def queue_in(action: Action, doctor_id: str, location_id: str) -> DoctorQueue:
    """The doctor's queue there, opened by the day's first token."""
    queue = action.find(doctor_id, location_id)
    if queue is None:
        queue = _new_queue(doctor_id, location_id)
        action.add(queue)
    return queue


def next_token(
    queue: DoctorQueue, patient_id: str, priority: int, appointment_id: str | None, came_from: QueueToken | None = None
) -> QueueToken:
    """The queue's next number. Who comes from another queue has waited since they came to the house."""
    queue.last_number += 1
    token = QueueToken(
        queue_id=queue.id,
        doctor_id=queue.doctor_id,
        location_id=queue.location_id,
        patient_id=patient_id,
        appointment_id=appointment_id,
        queued_on=queue.queued_on,
        sequence=queue.last_number,
        number=f"{queue.letter}-{queue.last_number:02d}",
        priority=priority,
        arrived_at=came_from.arrived_at if came_from else clock.now(),
        came_from_id=came_from.id if came_from else None,
    )
    db.session.add(token)
    db.session.flush()
    return token


def _is_open(doctor_id: str, location_id: str) -> bool:
    wanted = select(DoctorQueue.id).where(
        DoctorQueue.doctor_id == doctor_id, DoctorQueue.location_id == location_id, DoctorQueue.queued_on == today()
    )
    return db.session.scalar(wanted) is not None


def _new_queue(doctor_id: str, location_id: str) -> DoctorQueue:
    letter = _letter_for(doctor_id, location_id)
    queue = DoctorQueue(
        doctor_id=doctor_id,
        location_id=location_id,
        queued_on=today(),
        letter=letter,
        last_number=0,
        moves=0,
        served=0,
        served_seconds=0,
        usual_seconds=habit_of(doctor_id, today()),
    )
    db.session.add(queue)
    db.session.flush()
    return queue


def _letter_for(doctor_id: str, location_id: str) -> str:
    """The doctor's last letter at this location if nobody has it today, else the first free one."""
    here = select(DoctorQueue.letter).where(DoctorQueue.location_id == location_id)
    taken = set(db.session.scalars(here.where(DoctorQueue.queued_on == today())))
    last = db.session.scalar(
        here.where(DoctorQueue.doctor_id == doctor_id).order_by(DoctorQueue.queued_on.desc()).limit(1)
    )
    if last and last not in taken:
        return last
    return next(letter for letter in letters() if letter not in taken)


def letters() -> Iterator[str]:
    """A to Z, then AA to AZ, BA and so on."""
    for number in count():
        head, tail = divmod(number, 26)
        yield (ascii_uppercase[head - 1] if head else "") + ascii_uppercase[tail]
