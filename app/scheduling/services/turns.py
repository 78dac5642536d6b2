"""Who changes what is taken of a doctor's time does so in turn, until the transaction ends.

The exclusion constraints alone keep visits apart, but two that meet there may wait for each other: PostgreSQL then ends
one after a second, and not always the one that lost. Taken before the first look at the diary, the turn also makes that
look hold. Always in this order: the visit's own row, the doctor, the room; a room is taken by one doctor's turn only.
"""

from __future__ import annotations

from app.core.tenant import db

_LOCK = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"


def take_turn(doctor_id: str) -> None:
    """Wait until nobody else books, holds, moves or takes leave at this doctor."""
    _lock(f"doctor {doctor_id}")


def take_turn_in_room(room_id: str) -> None:
    """Wait until no other doctor's visit is being put into this room."""
    _lock(f"room {room_id}")


def _lock(key: str) -> None:
    db.session.flush()
    db.session.connection().exec_driver_sql(_LOCK, (key,))
