"""Who changes what is taken of a doctor's time does so in turn, until the transaction ends.

The exclusion constraints alone keep visits apart, but two that meet there may wait for each other: PostgreSQL then ends
one after a second, and not always the one that lost. Taken before the first look at the diary, the turn also makes that
look hold. Always in this order: the visit's own row, the doctor, the room; a room is taken by one doctor's turn only.
"""

from __future__ import annotations

from app.core.connections import execute_with_begin
from app.core.tenant import db
from app.core.wire import Message

NEW_VISIT = "new_visit"


def take_turn(doctor_id: str) -> None:
    """Wait until nobody else books, holds, moves or takes leave at this doctor."""
    _send(_lock("doctor", doctor_id))


def take_turn_to_add(doctor_id: str) -> None:
    """`take_turn`, with the savepoint NEW_VISIT: until the visit is written, nothing else may be."""
    _send(_lock("doctor", doctor_id), Message(f"savepoint {NEW_VISIT}".encode()))


def take_turn_in_room(room_id: str) -> None:
    """Wait until no other doctor's visit is being put into this room."""
    _send(_lock("room", room_id))


def _lock(kind: str, row_id: str) -> Message:
    return Message(b"select pg_advisory_xact_lock(hashtextextended($1, 0))", [f"{kind} {row_id}"])


def _send(*messages: Message) -> None:
    session = db.session()
    session.flush()
    execute_with_begin(session, *messages)
