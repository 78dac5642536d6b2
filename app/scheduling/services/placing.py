"""Putting a visit on a slot: the timetable says what a slot is, the exclusion constraints say who gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

from flask_babel import gettext as _
from psycopg.errors import DeadlockDetected, ExclusionViolation
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.models import Base
from app.core.principal import find_principal
from app.core.tenant import db, scoped
from app.core.together import insert_together
from app.scheduling.models import ALL_SEATS, HOLDING, Appointment, SlotHold
from app.scheduling.queries.slots import (
    Diary,
    diary_of,
    free_slots_from,
    last_bookable,
    local_day,
    occupancy_of,
    slots_at,
)
from app.scheduling.services.turns import NEW_VISIT, take_turn, take_turn_in_room
from app.scheduling.timetable import Slot

Told = TypeVar("Told", bound=tuple[Base, ...])


class SlotTaken(Conflict):
    """Somebody else has the slot; `alternatives` are the next free ones."""

    code = "SLOT_TAKEN"


def slot_json(slot: Slot) -> dict[str, Any]:
    """A bookable slot as the API shows it."""
    return {
        "startsAt": slot.starts_at,
        "endsAt": slot.ends_at,
        "locationId": slot.location_id,
        "available": True,
        "seatsLeft": slot.free_seats,
    }


class Place:
    """One wanted time in a doctor's diary, checked against the timetable. Raises NotFound, Invalid."""

    def __init__(
        self, doctor_id: str, type: str, starts_at: datetime, location_id: str | None, diary: Diary | None = None
    ) -> None:
        """`diary` is the doctor's on that day, where the caller took the turn and has read it."""
        if diary is None:
            take_turn(doctor_id)
            diary = diary_of(doctor_id, local_day(starts_at), type=type)
        self.diary: Diary = diary
        self.type, self.starts_at, self.location_id = type, starts_at, location_id
        self.slots = self._slots()
        self.may_be_held = True  # by whoever asks
        self._looked = False

    def _slots(self) -> list[Slot]:
        if not self.diary.active:
            raise _refusal("doctorId", _("This doctor does not take appointments."), "DOCTOR_INACTIVE")
        if self.type not in self.diary.types:
            raise _refusal("type", _("This doctor does not offer this kind of visit."), "TYPE_NOT_OFFERED")
        if self.starts_at <= clock.now():
            raise _refusal("startsAt", _("This time has passed."), "TIME_PASSED")
        if self.starts_at >= last_bookable():
            raise _refusal("startsAt", _("This is further ahead than the clinic books."), "TOO_FAR_AHEAD")
        found = slots_at(self.diary, self.starts_at, self.type, self.location_id)
        if not found:
            raise _refusal("startsAt", _("The doctor has no slot that begins at this time."), "NOT_A_SLOT")
        return found

    def choose(self, *, except_appointment_id: str | None = None) -> tuple[Slot, Range[int]]:
        """A free slot at that time, and the seats to take. Raises SlotTaken.

        The diary was read in one's turn and is true until the transaction writes itself; a visit that moves, which is
        no obstacle to itself, has to look again.
        """
        occupancy = self.diary.occupancy
        if except_appointment_id or self._looked:
            occupancy = occupancy_of(self.diary, self.slots, except_appointment_id=except_appointment_id)
        self._looked = True
        self.may_be_held = occupancy.has_own_hold
        for slot in self.slots:
            if occupancy.free_seats(slot):
                seat = occupancy.first_free_seat(slot) if slot.capacity > 1 else None
                return slot, ALL_SEATS if seat is None else Range(seat, seat + 1)
        raise self.taken()

    def taken(self) -> SlotTaken:
        """The refusal that names what is free instead."""
        free = free_slots_from(self.diary, self.starts_at, self.type, self.location_id)
        return SlotTaken(_("This slot has just been taken."), alternatives=[slot_json(slot) for slot in free])

    def busy(self, slot: Slot) -> Range[datetime]:
        return Range(slot.starts_at - self.diary.buffers.before, slot.ends_at + self.diary.buffers.after)


def _refusal(field: str, message: str, code: str) -> Invalid:
    return Invalid(message, code=code, fields={field: message})


def occupy(appointment: Appointment, place: Place, overbook_reason: str = "") -> None:
    """Move the visit to the place. Whoever loses a race gets SlotTaken; the transaction goes on.

    With a reason it stands beside what is there; without one also a visit that was overbooked takes a slot of its own.
    """
    overbook, moving = bool(overbook_reason), appointment.id
    for slot, seats in _attempts(place, overbook=overbook, except_appointment_id=moving):
        with suppress(Overlap), no_overlap_or_rollback():
            _sit(appointment, place, slot, seats)
            appointment.overbooked, appointment.overbook_reason = overbook, overbook_reason
            db.session.flush()
            break
    _drop_own_holds(appointment, place)


def seat_new(appointment: Appointment, place: Place, beside: Callable[[], Told]) -> Told:
    """Write a new visit at the place, together with the rows that tell of it. Raises SlotTaken as occupy() does."""
    for slot, seats in _attempts(place, overbook=appointment.overbooked):
        _sit(appointment, place, slot, seats)
        with suppress(Overlap):
            rows = beside()
            _insert_or_overlap(appointment, *rows)
            break
    _drop_own_holds(appointment, place)
    return rows


def _attempts(
    place: Place, *, overbook: bool, except_appointment_id: str | None = None
) -> Iterator[tuple[Slot, Range[int]]]:
    """Where to sit: whoever comes back for more lost a race. Raises SlotTaken when nothing is left.

    In a group each loser tries the next seat: a seat lost is a seat that somebody got, so that this ends.
    """
    while True:
        if overbook:
            slot, seats = place.slots[0], ALL_SEATS
        else:
            slot, seats = place.choose(except_appointment_id=except_appointment_id)
        if slot.room_id and not overbook:
            take_turn_in_room(slot.room_id)
            if slot.capacity > 1:
                _keep_room_for_one_group(slot, place.diary.doctor_id)
        yield slot, seats
        if slot.capacity == 1:
            raise place.taken()


class Overlap(Exception):
    """An exclusion constraint refused the row; the savepoint is rolled back."""


@contextmanager
def no_overlap_or_rollback() -> Iterator[None]:
    """A savepoint that turns a violated exclusion constraint into Overlap. What is flushed must be inside.

    Two inserts that meet may wait for each other: whom PostgreSQL picks to end the deadlock has lost the same race.
    """
    try:
        with db.session.begin_nested():
            yield
    except DBAPIError as error:
        if not isinstance(error.orig, ExclusionViolation | DeadlockDetected):
            raise
        raise Overlap from None


def _insert_or_overlap(*rows: Base) -> None:
    """Insert in one's turn. The savepoint that came with it ends with the transaction; the session does not know it."""
    try:
        insert_together(*rows)
    except DBAPIError as error:
        if not isinstance(error.orig, ExclusionViolation | DeadlockDetected):
            raise
        db.session.connection().exec_driver_sql(f"rollback to savepoint {NEW_VISIT}")
        raise Overlap from None


def _sit(appointment: Appointment, place: Place, slot: Slot, seats: Range[int]) -> None:
    appointment.doctor_id = place.diary.doctor_id
    appointment.location_id, appointment.room_id = slot.location_id, slot.room_id
    appointment.starts_at, appointment.ends_at = slot.starts_at, slot.ends_at
    appointment.busy, appointment.seats = place.busy(slot), seats


def _keep_room_for_one_group(slot: Slot, doctor_id: str) -> None:
    """Single seats of two doctors' groups do not exclude each other in the room's constraint: this does, in turn."""
    other = select(Appointment.id).where(
        Appointment.room_id == slot.room_id,
        Appointment.doctor_id != doctor_id,
        Appointment.starts_at < slot.ends_at,
        Appointment.ends_at > slot.starts_at,
        Appointment.status.in_(HOLDING),
    )
    if db.session.scalar(select(other.exists())):
        raise SlotTaken(_("The room is taken at this time."), alternatives=[])


def _drop_own_holds(appointment: Appointment, place: Place) -> None:
    principal = find_principal()
    if principal is not None and place.may_be_held:
        asked = {"doctor": appointment.doctor_id, "holder": principal.user_id, "starts_at": appointment.starts_at}
        db.session.execute(_OWN_HOLDS, asked, execution_options={"synchronize_session": False})


_OWN_HOLDS = scoped(
    delete(SlotHold).where(
        SlotHold.doctor_id == bindparam("doctor"),
        SlotHold.held_by_id == bindparam("holder"),
        SlotHold.starts_at == bindparam("starts_at"),
    )
)


def clear_expired_holds(doctor_id: str, busy: Range[datetime]) -> None:
    """Void holds would still exclude new ones."""
    db.session.execute(
        delete(SlotHold).where(
            SlotHold.doctor_id == doctor_id,
            SlotHold.expires_at <= clock.now(),
            func.lower(SlotHold.busy) < busy.upper,
            func.upper(SlotHold.busy) > busy.lower,
        )
    )
